import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from '@jest/globals';
import { readPprof, type ReadableProfile } from '../../packages/nestjs-pprof/test-fixtures/pprof-rules.js';
import { AppProcess } from '../support/app.process.js';
import { profilerOf } from '../support/fixture.app.js';
import { request } from '../support/http.request.js';
import { goesOnFor, windowOf } from '../support/patience.js';

// CPU captures of overlapping windows: one sampler, and each has what was in its own window.

let app: AppProcess;
let origin: string;

beforeAll(async () => {
  app = new AppProcess(fileURLToPath(new URL('fixtures/phases.app.mjs', import.meta.url)), {
    env: { PPROF_OPTIONS: JSON.stringify({ keepWarm: 0 }) },
  });
  origin = await profilerOf(app);
  // The first one may find V8 warming up.
  await capture('seconds=1');
});

async function capture(query: string): Promise<ReadableProfile> {
  const { status, body, text } = await request(`${origin}/debug/pprof/profile?${query}`);
  expect({ status, text: status === 200 ? '' : text }).toEqual({ status: 200, text: '' });
  return readPprof(body);
}

async function expectSampler(runs: boolean): Promise<void> {
  await app.until<boolean>('samplerRuns', (running) => running === runs);
}

/** Settles when the main thread has been in it for long enough to be seen there. */
async function enter(phase: string): Promise<void> {
  await app.call('enter', phase);
  await goesOnFor(500);
}

function phasesIn({ samples }: ReadableProfile): string[] {
  const names = samples.flatMap(({ stack }) => stack.map(({ name }) => /^phase\w+/.exec(name)?.[0]));
  return ['phaseOne', 'phaseTwo', 'phaseThree'].filter((phase) => names.includes(phase));
}

function total({ samples, sampleTypes }: ReadableProfile, type: string): number {
  const index = sampleTypes.findIndex((each) => each.startsWith(type));
  return samples.reduce((sum, { values }) => sum + values[index]!, 0);
}

it('each has the samples of its own window and nothing else, and the sampler stops with the last', async () => {
  // On a slow machine the second begins late, too.
  const seconds = windowOf(3);
  const first = capture(`seconds=${seconds}&threads=main`);
  await expectSampler(true);
  await enter('phaseOne');
  await enter('phaseTwo');
  const second = capture(`seconds=${windowOf(4)}&threads=main`);
  // It has begun before that is over.
  await enter('phaseTwo');
  const profileOfFirst = await first;
  await expectSampler(true);
  await enter('phaseThree');
  const profileOfSecond = await second;
  await expectSampler(false);
  expect(phasesIn(profileOfFirst)).toEqual(['phaseOne', 'phaseTwo']);
  expect(phasesIn(profileOfSecond)).toEqual(['phaseTwo', 'phaseThree']);
});

it('captures at different rates are right each by its own', async () => {
  const slow = capture('seconds=2&hz=100&threads=main');
  await expectSampler(true);
  const fast = capture('seconds=2&hz=1000&threads=main');
  const [profileOfSlow, profileOfFast] = await Promise.all([slow, fast]);
  await expectSampler(false);
  for (const [profile, hz] of [
    [profileOfSlow, 100],
    [profileOfFast, 1000],
  ] as const) {
    expect(profile.period).toBe(1e9 / hz);
    expect(profile.comments).toContain(`sampling rate: ${hz} Hz`);
    // Samples may be lost on a busy machine, and none is added: at the wrong rate there were twice as many, or more:
    // the thread is busy for a quarter of the time, nearly all of which both have.
    const seconds = profile.durationNanos / 1e9;
    expect(total(profile, 'samples')).toBeLessThanOrEqual(1.2 * hz * seconds);
    expect(total(profile, 'samples')).toBeGreaterThan(0);
    expect(total(profile, 'wall')).toBeLessThanOrEqual(1.05 * profile.durationNanos);
  }
  expect(profileOfSlow.comments).toContainEqual(
    expect.stringMatching(/^main was sampled at 1000 Hz for \d+\.\d s, .* counted as at 100 Hz$/),
  );
  expect(profileOfFast.comments.filter((comment) => comment.startsWith('main was sampled'))).toEqual([]);
});
