import { type StackSample, syntheticFrame } from '../pprof/profile.model.js';
import { isIdle, PROGRAM, samplesOfTimeline } from '../pprof/v8.profiles.js';
import type { CpuCapture, ThreadCpu } from '../capture/cpu.capturer.js';
import { CUT_OFF, type SampledSegment } from '../capture/cpu.rotation.js';
import { samplesOfSegment, type SegmentSamples, segmentsOf, sum } from './cpu.segment.js';
import { boundedLabels } from './sample.labels.js';
import { commentsOfThreads } from './threads.comments.js';
import { withoutOwnFrames } from '../pprof/own.frames.js';

/** CPU time of a thread that no sample explains: libuv, the kernel, native code outside of functions, the sampling itself. */
const PROGRAM_FRAME = syntheticFrame(PROGRAM);

/** Threads of V8 and libuv: garbage collection, compilation, file system, DNS, crypto, zlib. */
const NON_JAVASCRIPT_THREADS = syntheticFrame('(non-JavaScript threads)');

/** Value of the label `thread` for what no JavaScript thread has done. */
const NO_THREAD = 'non-JavaScript';

/** The same where worker threads that could not be profiled are among them. */
const UNPROFILED = { frame: syntheticFrame('(threads not profiled)'), label: 'not profiled' };

/** So many are due, at least, before none at all means that they are lost. */
const CERTAIN_AFTER_SAMPLES = 10;

interface Part {
  readonly thread: ThreadCpu;
  readonly samples: readonly StackSample[];
  /** Where the CPU times are from: what cannot be measured is estimated by the wall time, which it cannot exceed. */
  readonly cpu: 'measured' | 'estimated';
  /** CPU time of all threads but main; only the agent tells, where main has a clock. */
  readonly otherThreadsNanos?: number | undefined;
  /** CPU time by the clock of the thread and by its samples, for a comment. */
  readonly figures?: string;
}

/**
 * Brings what was seen of each thread under the same three values (samples, wall, CPU) and one account of the CPU time:
 * nothing is counted twice, and all of it together is not more than the process has used.
 *
 * @internal
 */
export function cpuSamplesOf(capture: CpuCapture): { samples: StackSample[]; comments: string[] } {
  const parts = capture.threads.map((thread) => partOf(thread, capture.hz));
  const otherThreads = parts.find((part) => part.otherThreadsNanos !== undefined)?.otherThreadsNanos;
  const measured = cpuOfAll(
    parts.filter(({ thread, cpu }) => cpu === 'measured' && thread.by === 'inspector'),
  );
  const estimated = cpuOfAll(parts.filter(({ cpu }) => cpu === 'estimated'));
  const available = Math.max(
    0,
    (otherThreads ?? capture.processCpuNanos) - (capture.profilerCpuNanos ?? 0) - measured,
  );
  const scale = estimated > available ? available / estimated : 1;

  const labelled = boundedLabels(
    capture,
    parts.flatMap(({ thread: { thread }, samples: ofThread, cpu: source }) =>
      ofThread.map(({ stack, labels, values: [count = 0, wall = 0, cpu = 0] }) => ({
        stack,
        values: [count, wall, source === 'measured' ? cpu : Math.round(cpu * scale)],
        labels: { ...(capture.labels ? labels : {}), thread: thread.label },
      })),
    ),
  );
  const samples = [...labelled.samples];
  const rest = Math.round(available - estimated * scale);
  const comments = [...commentsOn(capture, parts, estimated > 0, scale), ...labelled.comments];
  if (otherThreads === undefined || rest === 0) {
    return { samples, comments };
  }
  if (capture.selection !== 'all') {
    // It may be of workers that were not asked for, which nobody has told apart from threads without JavaScript.
    comments.push(`${Math.round(rest / 1e6)} ms of CPU time of other threads are left out`);
  } else if (capture.skipped.length > 0 || capture.ended.length > 0) {
    samples.push({ stack: [UNPROFILED.frame], values: [0, 0, rest], labels: { thread: UNPROFILED.label } });
    comments.push(
      `${UNPROFILED.frame.functionName} are those that were skipped or have ended, and those that are not JavaScript (libuv, garbage collection)`,
    );
  } else {
    samples.push({ stack: [NON_JAVASCRIPT_THREADS], values: [0, 0, rest], labels: { thread: NO_THREAD } });
  }
  return { samples, comments };
}

function partOf(thread: ThreadCpu, hz: number): Part {
  if (thread.by === 'inspector') {
    const busy = samplesOfTimeline(thread.timeline.filter((entry) => !isIdle(entry)));
    const samples = busy.map(({ stack, values: [count = 0, wall = 0] }) => ({
      stack,
      values: [count, wall, wall],
    }));
    return partWith(thread, withoutOwnFrames(samples), thread.cpuNanos, 'by samples');
  }
  const segments = thread.segments.map((segment) => samplesOfSegment(segment, hz));
  const clocks = thread.segments.map(({ mainCpuNanos }) => mainCpuNanos);
  const clock = clocks.includes(null) ? undefined : sum(clocks.map(Number));
  const taken = sum(segments.map((segment) => segment.taken));
  const busy = taken - sum(segments.map((segment) => segment.idle));
  return {
    ...partWith(
      thread,
      withoutOwnFrames(byClockOfEach(segments, clocks)),
      clock,
      taken > 0 ? `by the ${busy} of ${taken} samples that were not idle` : 'by samples',
      cpuOfAll(segments),
    ),
    otherThreadsNanos:
      clock === undefined
        ? undefined
        : Math.max(0, sum(thread.segments.map(({ processCpuNanos }) => processCpuNanos)) - clock),
  };
}

/**
 * Where the stacks of all segments ran for longer than the thread has used, it had to wait for a processor, and more in one
 * segment than in another: each counts for what the thread has used in it.
 */
function byClockOfEach(
  segments: ReadonlyArray<Pick<SegmentSamples, 'samples'>>,
  clocks: ReadonlyArray<number | null>,
): StackSample[] {
  const used = segments.map(({ samples }) => cpuOf(samples));
  const parts = segments.map((_, index) =>
    Math.min(1, (clocks[index] ?? Infinity) / Math.max(1, used[index]!)),
  );
  const whole = sum(clocks.map((clock, index) => clock ?? used[index]!));
  if (segments.length === 1 || whole >= sum(used)) {
    return segments.flatMap(({ samples }) => samples);
  }
  const scale = whole / Math.max(1, sum(used.map((cpu, index) => cpu * parts[index]!)));
  return segments.flatMap(({ samples }, index) =>
    samples.map(({ values: [count = 0, wall = 0, cpu = 0], ...sample }) => ({
      ...sample,
      values: [count, wall, cpu * parts[index]! * scale],
    })),
  );
}

function partWith(
  thread: ThreadCpu,
  samples: readonly StackSample[],
  clock: number | undefined,
  bySamples: string,
  sampled = cpuOf(samples),
): Part {
  if (clock === undefined) {
    return { thread, samples, cpu: 'estimated' };
  }
  const figures = `${thread.thread.label} ${millis(clock)} (${millis(sampled)} ${bySamples})`;
  return { thread, samples: withCpuOfClock(samples, clock), cpu: 'measured', figures };
}

/**
 * The samples say who, the clock of the thread how much in all. A function is hit in proportion to the time in which it runs,
 * however short its turns: that is the CPU time of its stacks, cut where they ran for longer than the thread, which then had
 * to wait for a processor. What is left over is nobody's.
 */
function withCpuOfClock(samples: readonly StackSample[], clock: number): StackSample[] {
  const scale = Math.min(1, clock / Math.max(1, cpuOf(samples)));
  let [exact, given] = [0, 0];
  const scaled = samples.map(
    ({ stack, labels = {}, values: [count = 0, wall = 0, cpu = 0] }): StackSample => {
      exact += cpu * scale;
      const share = Math.round(exact) - given;
      given += share;
      return { stack, labels, values: [count, wall, share] };
    },
  );
  const rest = Math.round(clock) - given;
  return rest > 0 ? [...scaled, { stack: [PROGRAM_FRAME], values: [0, 0, rest] }] : scaled;
}

function commentsOn(
  capture: CpuCapture,
  parts: readonly Part[],
  hasEstimates: boolean,
  scale: number,
): string[] {
  const { threads: results, skipped } = capture;
  const comments = commentsOfThreads({ results, skipped }, describe);
  const segments = segmentsOf(capture);
  const faster = segments.filter(({ hz }) => hz > capture.hz);
  if (faster.length > 0) {
    const seconds = sum(faster.map(({ durationNanos }) => durationNanos)) / 1e9;
    comments.push(
      `main was sampled at ${Math.max(...faster.map(({ hz }) => hz))} Hz for ${seconds.toFixed(1)} s, as another capture at the same time asked for that; samples are counted as at ${capture.hz} Hz`,
    );
  }
  if (capture.ended.length > 0) {
    comments.push(`threads that ended during the capture: ${capture.ended.join(', ')}`);
  }
  const figures = parts.flatMap((part) => part.figures ?? []);
  if (figures.length > 0) {
    comments.push(`cpu by the clock of the thread: ${figures.join(', ')}`);
  }
  if (hasEstimates) {
    const labels = parts.flatMap(({ thread, cpu }) => (cpu === 'estimated' ? thread.thread.label : []));
    const percent = Math.round(scale * 100);
    const cut = scale < 1 ? `, cut to ${percent} % so that it does not exceed what the process used` : '';
    comments.push(
      `cpu of ${labels.join(', ')} is an estimate, as nobody tells the CPU time of the thread: the wall time in which it was not idle${cut}`,
    );
  }
  comments.push(...segments.flatMap((segment) => lossesOf(segment)));
  const disturbers = segments.flatMap(({ disturbedBy }) => (disturbedBy ? [disturbedBy] : []));
  if (disturbers.length > 0) {
    comments.push(
      `samples of the main thread are missing: another profiler has started during the capture and taken the signals (${[...new Set(disturbers.flat())].join(', ') || 'its name is not known'})`,
    );
  }
  if (parts.every(({ otherThreadsNanos }) => otherThreadsNanos === undefined)) {
    comments.push(
      'CPU of threads that are not JavaScript (libuv, garbage collection) is left out: it is known only with the agent, and the CPU clock of the main thread',
    );
  }
  if (capture.profilerCpuNanos === undefined) {
    comments.push('the profiling thread is in the CPU time of other threads: it cannot be measured here');
  }
  comments.push(
    `${PROGRAM} is CPU time that no sample explains: libuv, the kernel, native code outside of functions, the sampling itself`,
  );
  return comments;
}

function describe(entry: ThreadCpu): string {
  if (entry.by === 'inspector') {
    return ` (by inspector${entry.stuck ? ', its event loop is stuck' : ''})`;
  }
  const gotStuck = entry.segments.some(({ readByInterrupt }) => readByInterrupt);
  return ` (by agent${gotStuck ? ', read by interrupt as its event loop did not turn' : ''})`;
}

/** What is missing of the samples of a segment of the main thread. */
function lossesOf(segment: SampledSegment): string[] {
  const { samplerStuck, hz, startedAt, lostSince, durationNanos, startFailure } = segment;
  const losses: string[] = [];
  if (lostSince !== undefined) {
    losses.push(
      `main: nothing is told of ${((startedAt - lostSince) / 1000).toFixed(1)} s from ${new Date(lostSince).toISOString()}: ${CUT_OFF}`,
    );
  }
  const seconds = durationNanos / 1e9;
  if (samplerStuck === 2 && seconds * hz >= CERTAIN_AFTER_SAMPLES) {
    losses.push(
      `main: the samples of ${seconds.toFixed(1)} s are lost, as V8's sampler has not delivered any; it was started anew. What main used in that time is in ${PROGRAM}`,
    );
  } else if (samplerStuck === 1) {
    losses.push(
      `main: samples of ${seconds.toFixed(1)} s may be missing, as V8's sampler seemed to be stuck; it was started anew`,
    );
  }
  if (startFailure) {
    losses.push(`main: sampled only until the sampler could not go on: ${startFailure.message}`);
  }
  return losses;
}

function millis(nanos: number): string {
  return `${Math.round(nanos / 1e6)} ms`;
}

function cpuOfAll(parts: ReadonlyArray<Pick<Part, 'samples'>>): number {
  return sum(parts.map(({ samples }) => cpuOf(samples)));
}

function cpuOf(samples: readonly StackSample[]): number {
  return sum(samples.map(({ values }) => values[2] ?? 0));
}
