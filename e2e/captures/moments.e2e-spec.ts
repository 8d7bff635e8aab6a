import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from '@jest/globals';
import { AppProcess } from '../support/app.process.js';
import { profilerOf } from '../support/fixture.app.js';
import { request, served } from '../support/http.request.js';
import { itWhere } from '../support/needed.tool.js';
import { goesOnFor, windowOf } from '../support/patience.js';

// V8's CPU profiler by the inspector: one to a thread, shared; each capture has its own window, and many cost what one costs.

let app: AppProcess;
let profiler: string;

beforeAll(async () => {
  app = new AppProcess(fileURLToPath(new URL('fixtures/phases.app.mjs', import.meta.url)), {
    env: { PPROF_OPTIONS: JSON.stringify({}) },
  });
  profiler = `${await profilerOf(app)}/debug/pprof`;
  await goroutine();
});

async function goroutine(): Promise<string> {
  return (await served(`${profiler}/goroutine?debug=2`)).text;
}

interface CpuProfile {
  readonly nodes: ReadonlyArray<{
    readonly id: number;
    readonly callFrame: { readonly functionName: string };
  }>;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
  readonly startTime: number;
  readonly endTime: number;
}

async function cpuProfile(query: string): Promise<CpuProfile> {
  // Not once more: another window has other phases.
  const { status, text } = await request(`${profiler}/profile?format=cpuprofile&${query}`);
  expect({ status, text: status === 200 ? '' : text }).toEqual({ status: 200, text: '' });
  return JSON.parse(text) as CpuProfile;
}

/** Settles when the main thread has been in it for long enough to be seen there. */
async function enter(phase: string): Promise<void> {
  await app.call('enter', phase);
  await goesOnFor(500);
}

function phasesIn({ nodes, samples }: CpuProfile): string[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, callFrame.functionName]));
  const seen = new Set(samples.map((id) => names.get(id)));
  return ['phaseOne', 'phaseTwo', 'phaseThree'].filter((phase) => seen.has(phase));
}

it('captures that overlap have each what was in its own window, at its own rate, also with looks in between', async () => {
  const [seconds, longer] = [windowOf(3), windowOf(4)];
  const first = cpuProfile(`seconds=${seconds}`);
  // One after the other in the thread: when this is answered, the first has begun.
  await goroutine();
  await enter('phaseOne');
  await enter('phaseTwo');
  const second = cpuProfile(`seconds=${longer}&hz=1000`);
  const dump = await goroutine();
  expect(dump).toMatch(/phases\.app\.mjs|waiting/);
  // Between two calls it is in neither; but an answer of a moment before would show the other phase.
  expect(dump).not.toMatch(/phaseOne|phaseThree/);
  const profileOfFirst = await first;
  await enter('phaseThree');
  const profileOfSecond = await second;
  expect(phasesIn(profileOfFirst)).toEqual(['phaseOne', 'phaseTwo']);
  expect(phasesIn(profileOfSecond)).toEqual(['phaseTwo', 'phaseThree']);
  for (const [profile, asked, hz] of [
    [profileOfFirst, seconds, 100],
    [profileOfSecond, longer, 1000],
  ] as const) {
    expect(profile.endTime - profile.startTime).toBeLessThanOrEqual(asked * 1e6);
    expect(profile.timeDeltas.reduce((sum, delta) => sum + delta, 0)).toBeLessThanOrEqual(asked * 1e6);
    // Samples may be lost on a busy machine, and none is added: unthinned there were ten times as many.
    expect(profile.samples.length).toBeLessThanOrEqual(1.2 * hz * asked);
    expect(profile.samples.length).toBeGreaterThan(0);
  }
});

/** CPU time that the main thread has used so far, by the kernel: nanoseconds. */
function cpuOfMain(): number {
  return Number(readFileSync(`/proc/${app.pid}/task/${app.pid}/schedstat`, 'utf8').split(' ', 1)[0]);
}

/** What a task costs the main thread, which has nothing else to do meanwhile. */
async function costOf(task: () => Promise<unknown>): Promise<number> {
  const before = cpuOfMain();
  await task();
  return cpuOfMain() - before;
}

itWhere(
  process.platform === 'linux',
  'not Linux',
  'a hundred at once cost the thread less than ten in a row',
  async () => {
    await app.call('enter', 'nothing');
    await goroutine();
    const inARow = await costOf(async () => {
      for (let i = 0; i < 10; i += 1) {
        await goroutine();
      }
    });
    const atOnce = await costOf(() => Promise.all(Array.from({ length: 100 }, goroutine)));
    expect(atOnce).toBeLessThan(inARow);
  },
);
