import { type StackSample, syntheticFrame } from '../pprof/profile.model.js';
import { isIdle, PROGRAM, samplesOfTimeline } from '../pprof/v8.profiles.js';
import type { CpuCapture, ThreadCpu } from '../capture/cpu.capturer.js';
import { NON_JAVASCRIPT_THREADS, samplesOfSegment } from './cpu.segment.js';
import { withoutOwnFrames } from '../pprof/own.frames.js';

/** Value of the label `thread` for what no JavaScript thread has done. */
const NO_THREAD = 'non-JavaScript';

/** The same where worker threads that could not be profiled are among them. */
const UNPROFILED = { frame: syntheticFrame('(threads not profiled)'), label: 'not profiled' };

interface Part {
  readonly thread: ThreadCpu;
  readonly samples: readonly StackSample[];
  /** Where the CPU times are from: what cannot be measured is estimated by the wall time, which it cannot exceed. */
  readonly cpu: 'measured' | 'estimated';
  /** CPU time of all threads but main, as the agent reckons it. */
  readonly otherThreadsNanos?: number;
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
    parts.filter(({ thread, cpu }) => cpu === 'measured' && thread.way === 'inspector'),
  );
  const estimated = cpuOfAll(parts.filter(({ cpu }) => cpu === 'estimated'));
  const available = Math.max(
    0,
    (otherThreads ?? capture.processCpuNanos) - (capture.profilerCpuNanos ?? 0) - measured,
  );
  const scale = estimated > available ? available / estimated : 1;

  const samples = parts.flatMap(({ thread, samples: ofThread, cpu: source }) =>
    ofThread.map(({ stack, values: [count = 0, wall = 0, cpu = 0] }) => ({
      stack,
      values: [count, wall, source === 'measured' ? cpu : Math.round(cpu * scale)],
      labels: { thread: thread.thread.label },
    })),
  );
  const rest = Math.round(available - estimated * scale);
  const comments = commentsOn(capture, estimated > 0, scale);
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
  if (thread.way === 'agent') {
    const segments = thread.segments.map((segment) => samplesOfSegment(segment, hz));
    return {
      thread,
      samples: withoutOwnFrames(segments.flatMap((segment) => segment.samples)),
      cpu: 'measured',
      otherThreadsNanos: sum(segments.map((segment) => segment.otherThreadsNanos)),
    };
  }
  const busy = samplesOfTimeline(thread.timeline.filter((entry) => !isIdle(entry)));
  const { cpuNanos } = thread;
  const wallNanos = sum(busy.map(({ values }) => values[1] ?? 0));
  // The kernel knows how much CPU time the thread had, the samples where it was: each gets its share.
  const share = cpuNanos === undefined || wallNanos === 0 ? 1 : Math.min(1, cpuNanos / wallNanos);
  const samples = busy.map(({ stack, values: [count = 0, wall = 0] }) => ({
    stack,
    values: [count, wall, Math.round(wall * share)],
  }));
  return {
    thread,
    samples: withoutOwnFrames(samples),
    cpu: cpuNanos === undefined ? 'estimated' : 'measured',
  };
}

function commentsOn(capture: CpuCapture, hasEstimates: boolean, scale: number): string[] {
  const comments = [`threads: ${capture.threads.map(describe).join(', ')}`];
  const faster = capture.threads
    .flatMap((thread) => (thread.way === 'agent' ? thread.segments : []))
    .filter(({ hz }) => hz > capture.hz);
  if (faster.length > 0) {
    const seconds = sum(faster.map(({ durationNanos }) => durationNanos)) / 1e9;
    comments.push(
      `main was sampled at ${Math.max(...faster.map(({ hz }) => hz))} Hz for ${seconds.toFixed(1)} s, as another capture at the same time asked for that; samples are counted as at ${capture.hz} Hz`,
    );
  }
  if (capture.skipped.length > 0) {
    comments.push(`threads skipped: ${capture.skipped.join('; ')}`);
  }
  if (capture.ended.length > 0) {
    comments.push(`threads that ended during the capture: ${capture.ended.join(', ')}`);
  }
  if (capture.threads.some((thread) => thread.way === 'inspector' && thread.cpuNanos !== undefined)) {
    comments.push(
      'cpu of worker threads: the total is measured by the kernel, each stack has its share by wall time',
    );
  }
  for (const entry of capture.threads) {
    if (entry.way === 'inspector' && entry.note) {
      comments.push(`${entry.thread.label}: ${entry.note}`);
    }
  }
  if (hasEstimates) {
    const cut =
      scale < 1
        ? `, cut to ${Math.round(scale * 100)} % so that it does not exceed what the process used`
        : '';
    comments.push(
      `cpu of threads taken by inspector is an estimate: the wall time in which they were not idle${cut}`,
    );
  }
  if (
    capture.threads.some((thread) => thread.way === 'agent' && thread.segments.some((s) => !s.hasCpuTime))
  ) {
    comments.push('cpu of the main thread is 0: this platform has no CPU clock per sample');
  }
  const disturbers = capture.threads.flatMap((thread) =>
    thread.way === 'agent'
      ? thread.segments.flatMap(({ disturbedBy }) => (disturbedBy ? [disturbedBy] : []))
      : [],
  );
  if (disturbers.length > 0) {
    comments.push(
      `samples of the main thread are missing: another profiler has started during the capture and taken the signals (${[...new Set(disturbers.flat())].join(', ') || 'its name is not known'})`,
    );
  }
  if (!capture.threads.some(({ way }) => way === 'agent')) {
    comments.push(
      'CPU of threads that are not JavaScript (libuv, garbage collection) is left out: only the agent tells it',
    );
  }
  if (capture.profilerCpuNanos === undefined) {
    comments.push('the profiling thread is in the CPU time of other threads: it cannot be measured here');
  }
  comments.push(`${PROGRAM} is native code that V8 attributes to no function`);
  return comments;
}

function describe(entry: ThreadCpu): string {
  const { label } = entry.thread;
  if (entry.way === 'inspector') {
    return `${label} (by inspector${entry.stuck ? ', its event loop is stuck' : ''})`;
  }
  const gotStuck = entry.segments.some(({ readByInterrupt }) => readByInterrupt);
  return `${label} (by agent${gotStuck ? ', read by interrupt as its event loop got stuck' : ''})`;
}

function cpuOfAll(parts: readonly Part[]): number {
  return sum(parts.flatMap(({ samples }) => samples.map(({ values }) => values[2] ?? 0)));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
