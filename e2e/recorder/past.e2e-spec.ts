import { expectRight } from '../support/right.figures.js';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { KernelAccount } from '../truth/kernel.account.js';
import { describeWithGo, goToolPprof } from '../support/go.tool.js';
import { served } from '../support/http.request.js';
import { pause, RecordedApp, total } from './recorder.app.js';

// What the flight recorder has of the past is what was there.

const PHASES = ['phaseOne', 'phaseTwo', 'phaseThree'] as const;

/** Whole seconds, as `past` has them. */
const PHASE_MILLIS = 4000;

const app = new RecordedApp({ flightRecorder: {} });

interface Phase {
  readonly name: (typeof PHASES)[number];
  readonly from: number;
  readonly to: number;
}

const phases: Phase[] = [];

let kernel: KernelAccount;

async function run(name: Phase['name'], meanwhile: () => Promise<unknown>): Promise<void> {
  await app.process.call('enter', name);
  const from = await app.process.call<number>('now');
  await Promise.all([meanwhile(), pause(PHASE_MILLIS)]);
  phases.push({ name, from, to: await app.process.call<number>('now') });
}

/** The innermost frames of the stacks that took most, in milliseconds. */
function heaviest({ samples }: Awaited<ReturnType<typeof app.profile>>): string[] {
  return samples
    .map(
      ({ stack, values: [, wall = 0] }) =>
        `${Math.round(wall / 1e6)} ${stack
          .slice(0, 3)
          .map((frame) => frame.name)
          .join(' < ')}`,
    )
    .toSorted((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10))
    .slice(0, 10);
}

beforeAll(async () => {
  await app.ask('');
  kernel = new KernelAccount(app.process.pid);
  await run('phaseOne', () => Promise.resolve());
  // At another rate, in the middle.
  await run('phaseTwo', () => app.profile('seconds=2&hz=1000&threads=main'));
  await run('phaseThree', () => app.profile('seconds=2&hz=19&threads=main'));
  await app.process.call('enter', 'nothing');
  kernel.stop();
  await app.recorded(phases.at(-1)!.to);
});

it.each(PHASES)('shows %s where it was, and nothing else', async (name) => {
  const { to } = phases.find((phase) => phase.name === name)!;
  const profile = await app.stretch(to - 3000, to - 200);
  const wall = total(profile, 'wall');
  const shares = PHASES.map((phase) => total(profile, 'wall', new RegExp(`^${phase} `)) / wall);
  const isRight = PHASES.every((phase, index) =>
    phase === name ? shares[index]! > 0.5 : shares[index] === 0,
  );
  expectRight(isRight, { name, shares, wall, stacks: heaviest(profile) });
});

it('has the CPU time that the thread has used by its clock, whatever else was captured meanwhile', async () => {
  for (const { name, from, to } of phases) {
    // All of the phase but for a part of a second: on a starved machine it is longer than it was meant to be.
    const seconds = Math.floor((to - from) / 1000);
    const profile = await app.profile(`past=${seconds}&until=${new Date(to).toISOString()}`);
    const { used, error } = kernel.between(to - 1000 * seconds, to);
    const seen = total(profile, 'cpu') / 1e6;
    const tolerance = 0.05 * used + error + 150;
    expectRight(Math.abs(seen - used) < tolerance, { name, seen, used, tolerance });
  }
});

it('counts no sample twice where two stretches meet, and loses none', async () => {
  const begin = phases[0]!.from;
  const end = begin + 12_000;
  const whole = await app.stretch(begin, end);
  const parts = await Promise.all(
    [0, 1, 3, 6, 7, 10].map((second, index, all) =>
      app.stretch(begin + second * 1000, begin + (all[index + 1] ?? 12) * 1000),
    ),
  );
  const sumOf = (type: string) => parts.reduce((sum, part) => sum + total(part, type), 0);
  // What was sampled faster is counted as at 19 Hz, and rounded in each part.
  expect(Math.abs(sumOf('samples') - total(whole, 'samples'))).toBeLessThanOrEqual(parts.length);
  expect(sumOf('cpu') / total(whole, 'cpu')).toBeCloseTo(1, 2);
  expect(sumOf('wall') / total(whole, 'wall')).toBeCloseTo(1, 1);
});

it('counts at its own rate what was sampled at another', async () => {
  const { from, to } = phases[1]!;
  const profile = await app.stretch(to - 3000, to);
  expect(from).toBeLessThan(to - 3000);
  expect(profile.period).toBe(Math.round(1e9 / 19));
  expect(total(profile, 'samples')).toBeGreaterThan(0);
  expect(total(profile, 'samples')).toBeLessThanOrEqual(3 * 19 * 1.2);
  expect(profile.comments).toContainEqual(
    expect.stringMatching(/^main was sampled at 1000 Hz for .* counted as at 19 Hz$/),
  );
});

it('says from when to when, and what is missing', async () => {
  const { comments } = await app.profile('past=600');
  expect(comments).toContainEqual(expect.stringMatching(/^recorded from \S+Z to \S+Z, .*\(600 s\)$/));
  expect(comments).toContainEqual(
    expect.stringMatching(/^missing: \S+Z to \S+Z: the recorder was started at \S+Z$/),
  );
});

it('is sampled at by a capture without "hz": nothing is started', async () => {
  const profile = await app.profile('seconds=1&threads=main');
  expect(profile.period).toBe(Math.round(1e9 / 19));
  expect(profile.comments).toContainEqual(
    expect.stringMatching(/^the sampler of main was warm: .* flight recorder's rate/),
  );
});

it('can be had with its timeline, and as text', async () => {
  const { body } = await served(await app.url('profile?past=10&format=cpuprofile'));
  const { nodes, samples, timeDeltas, startTime, endTime } = JSON.parse(body.toString()) as {
    nodes: ReadonlyArray<{ id: number; callFrame: { functionName: string } }>;
    samples: readonly number[];
    timeDeltas: readonly number[];
    startTime: number;
    endTime: number;
  };
  expect(samples).toHaveLength(timeDeltas.length);
  const span = timeDeltas.reduce((sum, delta) => sum + delta, 0);
  expect(span).toBeGreaterThan(0);
  expect(span).toBeLessThanOrEqual(endTime - startTime);
  expect(nodes[0]!.callFrame.functionName).toBe('(root)');
  const { text } = await served(await app.url('profile?past=30&format=text'));
  expect(text).toMatch(/^Type: cpu\n/);
});

describe('what cannot be answered', () => {
  it.each([
    ['past=0', /^invalid value for "past" - must be seconds, an integer from 1 to 900/],
    ['past=901', /^invalid value for "past"/],
    ['past=x', /^invalid value for "past"/],
    ['past=5&seconds=5', /^past and seconds params are incompatible/],
    ['past=5&hz=100', /^past and hz params are incompatible/],
    ['past=5&threads=3', /^invalid value for "threads" - must be main/],
    ['until=03:15:00', /^"until" parameter needs "past"/],
    ['past=5&until=yesterday', /^invalid value for "until"/],
    ['past=5&until=2020-01-01T00:00:00Z', /^nothing is kept of .*: what is kept is from \S+Z to \S+Z/],
  ])('%s', async (query, message) => {
    const { status, text } = await app.ask(`profile?${query}`);
    expect({ status, text }).toEqual({ status: 400, text: expect.stringMatching(message) });
  });
});

describeWithGo('go tool pprof', () => {
  it('tells two stretches apart', async () => {
    const [base, later] = await Promise.all(
      [phases[0]!, phases[2]!].map(({ to }) =>
        app.url(`profile?past=3&until=${new Date(to - 200).toISOString()}`),
      ),
    );
    const { stdout } = await goToolPprof('-top', '-diff_base', base!, later!);
    expect(stdout).toMatch(/phaseThree/);
    expect(stdout).toMatch(/-\S+ +\S+ +\S+ +\S+ +\S+ +phaseOne/);
  });
});
