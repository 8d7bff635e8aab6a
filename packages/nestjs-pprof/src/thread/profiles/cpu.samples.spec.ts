import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { encodeAddonProfile, type AddonSample } from '../../../test-fixtures/addon-profile.js';
import type { StackSample } from '../pprof/profile.model.js';
import type { ProfiledStack, TimedStack } from '../pprof/v8.profiles.js';
import type { CpuCapture, ThreadCpu } from '../capture/cpu.capturer.js';
import type { SampledSegment } from '../capture/cpu.rotation.js';
import { MAIN_THREAD } from '../capture/thread.selection.js';
import { cpuSamplesOf } from './cpu.samples.js';

const MS = 1e6;
const SECOND = 1e9;

type LogRow = readonly [micros: number, cpuNanos: number, stack: number, labels?: number];

function logOf(rows: readonly LogRow[]): Uint8Array {
  const values = rows.flatMap(([micros, cpuNanos, stack, labels = -1]) => [micros, cpuNanos, stack, labels]);
  return new Uint8Array(Float64Array.from(values).buffer);
}

/** Positions of the stacks in the fixture's profile. */
const [RUN, IDLE_SAMPLE, COLLECTOR] = [0, 1, 2];

/**
 * What the addon reports of a segment in which the main thread was seen to run for so many milliseconds, at 1000 Hz, and its
 * clock tells `main` milliseconds of CPU time: the CPU times that the addon has attributed are of no use.
 */
function segment({
  run = 0,
  idle = 0,
  collector = 0,
  main,
  process,
  ...over
}: {
  run?: number;
  idle?: number;
  collector?: number;
  main: number;
  process?: number;
} & Partial<SampledSegment>) {
  const synthetic = (name: string, millis: number, cpu: number): AddonSample => ({
    stack: [{ name }, { name: 'Node.js' }],
    values: [millis, millis * MS, cpu],
  });
  const samples: AddonSample[] = [
    { stack: [{ name: 'run', file: '/app/a.js', line: 1, column: 1 }], values: [run, run * MS, 1] },
    { stack: [{ name: '(idle)' }], values: [idle, 0, 99 * MS] },
    synthetic('Garbage Collection', collector, 0),
    synthetic('Non JS threads activity', 0, 77 * MS),
  ];
  const stacks = [
    ...Array<number>(run).fill(RUN),
    ...Array<number>(idle).fill(IDLE_SAMPLE),
    ...Array<number>(collector).fill(COLLECTOR),
  ];
  const rows = stacks.map((stack, index): LogRow => [index * 1000, MS, stack]);
  const result: SampledSegment = {
    profile: encodeAddonProfile(samples, SECOND),
    sampleLog: logOf(rows),
    labels: null,
    hz: 1000,
    startedAt: 0,
    durationNanos: SECOND,
    processCpuNanos: (process ?? main) * MS,
    mainCpuNanos: main * MS,
    samplerStuck: 0,
    ...over,
  };
  return result;
}

function mainByAgent(...segments: SampledSegment[]): ThreadCpu {
  return { by: 'agent', thread: MAIN_THREAD, segments };
}

const HASH: ProfiledStack = {
  frames: [{ functionName: 'hash', file: '/app/w.js', line: 1, column: 1 }],
  lines: [],
};
const IDLE: ProfiledStack = { frames: [{ functionName: '(idle)', file: '', line: 0, column: 0 }], lines: [] };

/** A worker that was busy, then idle, for so many milliseconds. */
function worker(id: number, busy: number, idle = 0, cpuMillis?: number): ThreadCpu {
  const timeline: TimedStack[] = [
    { stack: HASH, from: 0, to: busy * 1000 },
    { stack: IDLE, from: busy * 1000, to: (busy + idle) * 1000 },
  ];
  const cpuNanos = cpuMillis === undefined ? undefined : cpuMillis * MS;
  return { by: 'inspector', thread: { id, label: `worker ${id}` }, timeline, stuck: false, cpuNanos };
}

function captureOf(threads: ThreadCpu[], over: Partial<CpuCapture> = {}): CpuCapture {
  return {
    selection: 'all',
    hz: 1000,
    labels: false,
    threads,
    skipped: [],
    ended: [],
    processCpuNanos: 1000 * MS,
    profilerCpuNanos: 0,
    startedAt: 0,
    durationNanos: SECOND,
    ...over,
  };
}

function cpuMillisOf(samples: readonly StackSample[], thread?: string): number {
  const nanos = samples
    .filter(({ labels }) => thread === undefined || labels?.thread === thread)
    .reduce((total, { values }) => total + values[2]!, 0);
  return nanos / MS;
}

function leavesOf(samples: readonly StackSample[]) {
  return samples.map(({ stack, labels }) => `${labels?.thread}: ${stack[0]?.functionName}`);
}

describe('cpuSamplesOf, the main thread by the agent', () => {
  it('gives a stack the CPU time for which the samples have seen it run', () => {
    const { samples } = cpuSamplesOf(
      captureOf([mainByAgent(segment({ run: 300, collector: 50, main: 350 }))]),
    );
    expect(leavesOf(samples)).toEqual(['main: run', 'main: (garbage collector)']);
    expect(samples.map(({ values }) => values)).toEqual([
      [300, 300 * MS, 300 * MS],
      [50, 50 * MS, 50 * MS],
    ]);
  });

  it('leaves idle time out', () => {
    const { samples } = cpuSamplesOf(captureOf([mainByAgent(segment({ run: 1, idle: 900, main: 1 }))]));
    expect(leavesOf(samples)).not.toContain('main: (idle)');
  });

  it("keeps the time of a user's function called (idle), which the addon takes for V8's mark", () => {
    const file = '/app/a.js';
    const profile = encodeAddonProfile(
      [
        { stack: [{ name: 'run', file, line: 1, column: 1 }], values: [10, 100 * MS, MS] },
        { stack: [{ name: '(idle)', file, line: 9, column: 1 }], values: [30, 0, MS] },
      ],
      SECOND,
    );
    const { samples } = cpuSamplesOf(captureOf([mainByAgent(segment({ main: 400, profile }))]));
    const own = samples.find(({ stack }) => stack[0]?.functionName === '(idle)');
    expect(own?.values).toEqual([30, 300 * MS, 300 * MS]);
  });

  it('gives to (program) what the thread has used by its clock and no sample explains', () => {
    const { samples, comments } = cpuSamplesOf(
      captureOf([mainByAgent(segment({ run: 300, idle: 600, main: 400, process: 500 }))]),
    );
    const program = samples.find(({ stack }) => stack[0]?.functionName === '(program)');
    expect(program).toMatchObject({ values: [0, 0, 100 * MS], labels: { thread: 'main' } });
    expect(cpuMillisOf(samples, 'main')).toBeCloseTo(400);
    expect(comments).toContain(
      'cpu by the clock of the thread: main 400 ms (300 ms by the 300 of 900 samples that were not idle)',
    );
  });

  it('cuts all stacks alike to what the thread has used: it had to wait for a processor', () => {
    const { samples, comments } = cpuSamplesOf(
      captureOf([mainByAgent(segment({ run: 600, collector: 200, main: 200 }))]),
    );
    expect(samples.map(({ values }) => values)).toEqual([
      [600, 600 * MS, 150 * MS],
      [200, 200 * MS, 50 * MS],
    ]);
    expect(comments).toContain(
      'cpu by the clock of the thread: main 200 ms (800 ms by the 800 of 800 samples that were not idle)',
    );
  });

  it('gives no CPU time to a stack that waits: sample after sample the same, and none used in between', () => {
    const waits = Array.from({ length: 500 }, (_, index): LogRow => [index * 1000, 0.02 * MS, RUN]);
    const works = Array.from({ length: 100 }, (_, index): LogRow => [(500 + index) * 1000, MS, COLLECTOR]);
    // In the order in which the addon tells: by stack, not by time.
    const sampleLog = logOf([...waits.toReversed(), ...works]);
    const { samples } = cpuSamplesOf(
      captureOf([mainByAgent(segment({ run: 500, collector: 100, main: 111, sampleLog }))]),
    );
    // The first sample of a wait cannot be told from one of a turn that has just begun.
    expect(samples.slice(0, 2).map(({ values }) => Math.round(values[2]! / MS))).toEqual([11, 100]);
    expect(samples[0]!.values[1]).toBe(500 * MS);
  });

  it('does not take a function for waiting whose short turns are met twice, some CPU time apart', () => {
    const sampleLog = logOf(Array.from({ length: 100 }, (_, index): LogRow => [index * 1000, 0.2 * MS, RUN]));
    const { samples } = cpuSamplesOf(captureOf([mainByAgent(segment({ run: 100, main: 100, sampleLog }))]));
    expect(samples.map(({ values }) => values[2])).toEqual([100 * MS]);
  });

  it('takes the profiling thread out of the time of other threads', () => {
    const capture = captureOf([mainByAgent(segment({ run: 300, main: 300, process: 400 }))], {
      profilerCpuNanos: 60 * MS,
    });
    const { samples } = cpuSamplesOf(capture);
    expect(cpuMillisOf(samples, 'main')).toBeCloseTo(300);
    expect(cpuMillisOf(samples, 'non-JavaScript')).toBeCloseTo(40);
  });

  it.each<{ name: string; over: Partial<CpuCapture>; leaf: string | undefined; comment: RegExp }>([
    {
      name: 'leaves it out where not all threads were asked for: workers are in it',
      over: { selection: [0] },
      leaf: undefined,
      comment: /^100 ms of CPU time of other threads are left out$/,
    },
    {
      name: 'does not call it non-JavaScript where a worker was skipped',
      over: { skipped: ['worker 4: native call'] },
      leaf: 'not profiled: (threads not profiled)',
      comment: /^\(threads not profiled\) are those that were skipped or have ended/,
    },
    {
      name: 'does not call it non-JavaScript where a worker has ended',
      over: { ended: ['worker 4'] },
      leaf: 'not profiled: (threads not profiled)',
      comment: /^threads that ended during the capture: worker 4$/,
    },
  ])('of the time of other threads, $name', ({ over, leaf, comment }) => {
    const { samples, comments } = cpuSamplesOf(
      captureOf([mainByAgent(segment({ run: 300, main: 300, process: 400 }))], over),
    );
    const ofOthers = leavesOf(samples).filter((name) => !name.startsWith('main: '));
    expect(ofOthers).toEqual(leaf === undefined ? [] : [leaf]);
    expect(cpuMillisOf(samples)).toBeCloseTo(leaf === undefined ? 300 : 400);
    expect(comments).toContainEqual(expect.stringMatching(comment));
  });

  it('has the other threads in one sample, whatever the number of segments', () => {
    const segments = [1, 2, 3].map((run) => segment({ run, main: run, process: run + 10 }));
    const { samples } = cpuSamplesOf(captureOf([mainByAgent(...segments)]));
    expect(leavesOf(samples).filter((leaf) => leaf.startsWith('non-JavaScript'))).toEqual([
      'non-JavaScript: (non-JavaScript threads)',
    ]);
    expect(cpuMillisOf(samples, 'non-JavaScript')).toBeCloseTo(30);
    expect(cpuMillisOf(samples, 'main')).toBeCloseTo(6);
  });

  it('has no sample of other threads that did nothing', () => {
    const { samples } = cpuSamplesOf(captureOf([mainByAgent(segment({ run: 3, main: 3 }))]));
    expect(leavesOf(samples).some((leaf) => leaf.startsWith('non-JavaScript'))).toBe(false);
  });

  it('does not spread the time that the sampler took to start over the wall time', () => {
    const profile = encodeAddonProfile(
      [{ stack: [{ name: 'run', file: '/app/a.js' }], values: [1, SECOND, 0] }],
      1.25 * SECOND,
    );
    const { samples } = cpuSamplesOf(captureOf([mainByAgent(segment({ main: 0, profile }))]));
    expect(samples[0]?.values[1]).toBe(0.8 * SECOND);
  });

  it('estimates the CPU time where nobody tells that of the thread, within what the process has used, and says so', () => {
    const unknown = segment({ run: 800, main: 0, mainCpuNanos: null });
    const { samples, comments } = cpuSamplesOf(
      captureOf([mainByAgent(unknown)], { processCpuNanos: 400 * MS }),
    );
    expect(cpuMillisOf(samples)).toBeCloseTo(400);
    expect(comments.join('\n')).toMatch(/^cpu of main is an estimate.*cut to 50 %/m);
    expect(comments.join('\n')).toContain(
      'CPU of threads that are not JavaScript (libuv, garbage collection) is left out',
    );
  });
});

describe('cpuSamplesOf, segments of which something is missing', () => {
  const commentsOn = (...segments: SampledSegment[]) =>
    cpuSamplesOf(captureOf([mainByAgent(...segments)])).comments.join('\n');

  it('says that the samples are lost where the sampler was stuck, and gives the CPU time to (program)', () => {
    const { samples, comments } = cpuSamplesOf(
      captureOf([mainByAgent(segment({ main: 70, samplerStuck: 2 }), segment({ run: 30, main: 30 }))]),
    );
    expect(comments.join('\n')).toContain('main: the samples of 1.0 s are lost');
    expect(leavesOf(samples)).toEqual(['main: run', 'main: (program)']);
    expect(cpuMillisOf(samples)).toBeCloseTo(100);
  });

  it('does not say so of a segment that is too short for samples', () => {
    expect(commentsOn(segment({ main: 0, samplerStuck: 2, durationNanos: 5 * MS }))).not.toContain('lost');
  });

  it('says where the sampler may have been stuck', () => {
    expect(commentsOn(segment({ run: 30, main: 30, samplerStuck: 1 }))).toContain(
      'samples of 1.0 s may be missing',
    );
  });

  it('says where the sampler could not go on, and why', () => {
    const startFailure = { status: 409, message: 'held by another' };
    expect(commentsOn(segment({ run: 30, main: 30, startFailure }))).toContain(
      'main: sampled only until the sampler could not go on: held by another',
    );
  });
});

describe('cpuSamplesOf, segments that were sampled faster than was asked for', () => {
  const two = [segment({ run: 300, main: 300, hz: 100 }), segment({ run: 300, main: 300, hz: 1000 })];

  it('counts as at the rate that was asked for, and leaves the times alone', () => {
    const { samples } = cpuSamplesOf(captureOf([mainByAgent(...two)], { hz: 100 }));
    const values = samples.map((sample) => sample.values).filter(([count = 0]) => count > 0);
    expect(values).toEqual([
      [300, 300 * MS, 300 * MS],
      [30, 300 * MS, 300 * MS],
    ]);
  });

  it('says so, with the length of those segments', () => {
    const { comments } = cpuSamplesOf(captureOf([mainByAgent(...two)], { hz: 100 }));
    expect(comments).toContain(
      'main was sampled at 1000 Hz for 1.0 s, as another capture at the same time asked for that; samples are counted as at 100 Hz',
    );
  });

  it('does not say so where all were sampled as asked for', () => {
    const { comments } = cpuSamplesOf(captureOf([mainByAgent(two[1]!)], { hz: 1000 }));
    expect(comments.filter((comment) => comment.includes('Hz'))).toEqual([]);
  });

  it('loses less than one sample to rounding, however many stacks share them', () => {
    const counts = fc.array(fc.nat({ max: 50 }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(counts, fc.integer({ min: 1, max: 1000 }), (each, hz) => {
        const stacks = each.map((count, line) => ({
          stack: [{ name: 'run', file: '/app/a.js', line, column: 1 }],
          values: [count, count * MS, count * MS],
        }));
        const fast = { ...segment({ main: 0 }), profile: encodeAddonProfile(stacks, SECOND) };
        const { samples } = cpuSamplesOf(captureOf([mainByAgent(fast)], { hz }));
        const counted = samples.map(({ values }) => values[0]!);
        const taken = each.reduce((total, count) => total + count, 0);
        expect(
          Math.abs(counted.reduce((total, count) => total + count, 0) - (taken * hz) / 1000),
        ).toBeLessThan(1);
        expect(counted.every((count) => count >= 0 && Number.isInteger(count))).toBe(true);
      }),
    );
  });
});

describe('cpuSamplesOf, threads by the inspector', () => {
  it('takes the CPU time from the kernel where it tells, shared out by wall time', () => {
    const capture = captureOf([worker(3, 400, 600, 100)]);
    const { samples } = cpuSamplesOf(capture);
    expect(samples).toEqual([
      { stack: HASH.frames, values: [1, 400 * MS, 100 * MS], labels: { thread: 'worker 3' } },
    ]);
  });

  it('gives to (program) what the samples do not explain, and never a stack more CPU time than wall time', () => {
    const { samples, comments } = cpuSamplesOf(captureOf([worker(3, 400, 600, 900)]));
    expect(leavesOf(samples)).toEqual(['worker 3: hash', 'worker 3: (program)']);
    expect(samples.map(({ values }) => values[2])).toEqual([400 * MS, 500 * MS]);
    expect(comments).toContain('cpu by the clock of the thread: worker 3 900 ms (400 ms by samples)');
  });

  it('else estimates it by the time in which the thread was not idle, and says so', () => {
    const { samples, comments } = cpuSamplesOf(captureOf([worker(3, 400, 600)]));
    expect(cpuMillisOf(samples)).toBeCloseTo(400);
    expect(comments.join('\n')).toMatch(/^cpu of worker 3 is an estimate[^%]*$/m);
  });

  it('cuts estimates to what the process has used, and says so', () => {
    const capture = captureOf([worker(3, 900), worker(4, 600)], { processCpuNanos: 600 * MS });
    const { samples, comments } = cpuSamplesOf(capture);
    expect(cpuMillisOf(samples, 'worker 3')).toBeCloseTo(360);
    expect(cpuMillisOf(samples, 'worker 4')).toBeCloseTo(240);
    expect(comments.join('\n')).toContain('cut to 40 % so that it does not exceed what the process used');
  });

  it("does not count a worker's time a second time as that of other threads", () => {
    const { samples } = cpuSamplesOf(
      captureOf([mainByAgent(segment({ run: 300, main: 300, process: 800 })), worker(3, 450, 0, 400)]),
    );
    expect(cpuMillisOf(samples, 'main')).toBeCloseTo(300);
    expect(cpuMillisOf(samples, 'worker 3')).toBeCloseTo(400);
    expect(cpuMillisOf(samples, 'non-JavaScript')).toBeCloseTo(100);
  });

  it('leaves out threads that are not JavaScript where the agent was not asked, and says so', () => {
    const { samples, comments } = cpuSamplesOf(captureOf([worker(3, 100)]));
    expect(leavesOf(samples)).toEqual(['worker 3: hash']);
    expect(comments.join()).toContain('threads that are not JavaScript');
  });
});

describe('cpuSamplesOf, comments', () => {
  it('names each thread, by which way it was taken, and those that were skipped', () => {
    const stuckMain: ThreadCpu = { by: 'inspector', thread: MAIN_THREAD, timeline: [], stuck: true };
    const { comments } = cpuSamplesOf(
      captureOf([stuckMain, worker(3, 1)], { skipped: ['worker 4: native call'] }),
    );
    expect(comments).toContain(
      'threads: main (by inspector, its event loop is stuck), worker 3 (by inspector)',
    );
    expect(comments).toContain('threads skipped: worker 4: native call');
  });

  it('says where a segment was read by interrupt', () => {
    const { comments } = cpuSamplesOf(captureOf([mainByAgent(segment({ main: 0, readByInterrupt: true }))]));
    expect(comments[0]).toBe('threads: main (by agent, read by interrupt as its event loop did not turn)');
  });

  it('says where the profiling thread could not be measured', () => {
    const { comments } = cpuSamplesOf(captureOf([worker(3, 1)], { profilerCpuNanos: undefined }));
    expect(comments.join()).toContain('the profiling thread is in the CPU time of other threads');
  });
});

describe('cpuSamplesOf, the account of any process', () => {
  const anyMillis = fc.integer({ min: 0, max: 1000 });
  const anyWorker = fc.record({ cpu: anyMillis, blocked: anyMillis, known: fc.boolean() });
  const anyProcess = fc.record({
    run: anyMillis,
    collector: anyMillis,
    program: anyMillis,
    native: anyMillis,
    profiler: anyMillis,
    workers: fc.array(anyWorker, { maxLength: 4 }),
  });

  it('adds up to what the process has used without the profiling thread, none of it counted twice', () => {
    fc.assert(
      fc.property(anyProcess, ({ run, collector, program, native, profiler, workers }) => {
        const ofWorkers = workers.reduce((total, { cpu }) => total + cpu, 0);
        const others = ofWorkers + native + profiler;
        const used = run + collector + program + others;
        const threads = [
          mainByAgent(segment({ run, collector, main: run + collector + program, process: used })),
          // The wall time of a worker that waits for the CPU, or in Atomics.wait, is longer than its CPU time.
          ...workers.map(({ cpu, blocked, known }, index) =>
            worker(index + 1, cpu + blocked, 0, known ? cpu : undefined),
          ),
        ];
        const { samples } = cpuSamplesOf(
          captureOf(threads, { processCpuNanos: used * MS, profilerCpuNanos: profiler * MS }),
        );
        expect(cpuMillisOf(samples)).toBeCloseTo(used - profiler, 3);
        expect(cpuMillisOf(samples, 'main')).toBeCloseTo(run + collector + program, 3);
        workers.forEach(({ cpu, known }, index) => {
          if (known) {
            expect(cpuMillisOf(samples, `worker ${index + 1}`)).toBeCloseTo(cpu, 3);
          }
        });
        expect(
          samples.every(({ values }) => values.every((value) => Number.isInteger(value) && value >= 0)),
        ).toBe(true);
        expect(
          leavesOf(samples).filter((leaf) => leaf.startsWith('non-JavaScript')).length,
        ).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('never exceeds what the process has used where the agent was not asked', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyMillis, anyMillis), { minLength: 1, maxLength: 4 }),
        anyMillis,
        (workers, rest) => {
          const used = workers.reduce((total, [cpu]) => total + cpu, rest);
          const threads = workers.map(([cpu, blocked], index) => worker(index + 1, cpu + blocked));
          const { samples } = cpuSamplesOf(captureOf(threads, { processCpuNanos: used * MS }));
          expect(cpuMillisOf(samples)).toBeLessThanOrEqual(used + 0.001);
        },
      ),
    );
  });
});
