import type { StackSample } from '../pprof/profile.model.js';
import { isIdle, PROGRAM, samplesOfTimeline } from '../pprof/v8-cpu-profile.js';
import type { CpuCapture, ThreadCpu } from '../threads/cpu.capturer.js';
import { NON_JAVASCRIPT_THREADS, samplesOfSegment } from './cpu.segment.js';
import { withoutOwnFrames } from './own-frames.js';

/** Value of the label `thread` for what no JavaScript thread has done. */
const NO_THREAD = 'non-JavaScript';

interface Part {
  readonly samples: readonly StackSample[];
  /** Whether the CPU times are measured; else they are the wall times, which they cannot exceed. */
  readonly measured: boolean;
  /** CPU time of all other threads of the process; undefined where this part does not tell. */
  readonly otherThreadsNanos?: number;
}

/**
 * Brings what was seen of each thread under the same three values (samples, wall, CPU) and one account of the CPU time:
 * nothing is counted twice, and all of it together is what the process has used.
 *
 * @internal
 */
export function cpuSamplesOf(capture: CpuCapture): { samples: StackSample[]; comments: string[] } {
  const parts = capture.threads.map((thread) => ({ thread, part: partOf(thread) }));
  const estimated = sum(parts.filter(({ part }) => !part.measured).map(({ part }) => cpuOf(part.samples)));
  const otherThreads = parts.find(({ part }) => part.otherThreadsNanos !== undefined)?.part.otherThreadsNanos;
  const available = Math.max(0, (otherThreads ?? capture.processCpuNanos) - (capture.profilerCpuNanos ?? 0));
  const scale = estimated > available ? available / estimated : 1;

  const samples = parts.flatMap(({ thread, part }) =>
    part.samples.map(({ stack, values: [count = 0, wall = 0, cpu = 0] }) => ({
      stack,
      values: [count, wall, part.measured ? cpu : Math.round(cpu * scale)],
      labels: { thread: thread.thread.label },
    })),
  );
  const rest = Math.round(available - estimated * scale);
  if (otherThreads !== undefined && rest > 0) {
    samples.push({ stack: [NON_JAVASCRIPT_THREADS], values: [0, 0, rest], labels: { thread: NO_THREAD } });
  }
  return { samples, comments: commentsOn(capture, estimated > 0, scale) };
}

function partOf(thread: ThreadCpu): Part {
  if (thread.way === 'inspector') {
    const busy = thread.timeline.filter((entry) => !isIdle(entry));
    const samples = samplesOfTimeline(busy).map(({ stack, values: [count = 0, wall = 0] }) => ({
      stack,
      values: [count, wall, wall],
    }));
    return { samples: withoutOwnFrames(samples), measured: false };
  }
  const segments = thread.segments.map(samplesOfSegment);
  return {
    samples: withoutOwnFrames(segments.flatMap((segment) => segment.samples)),
    measured: true,
    otherThreadsNanos: sum(segments.map((segment) => segment.otherThreadsNanos)),
  };
}

function commentsOn(capture: CpuCapture, hasEstimates: boolean, scale: number): string[] {
  const comments = [`threads: ${capture.threads.map(describe).join(', ')}`];
  if (capture.skipped.length > 0) {
    comments.push(`threads skipped: ${capture.skipped.join('; ')}`);
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

function cpuOf(samples: readonly StackSample[]): number {
  return sum(samples.map(({ values }) => values[2] ?? 0));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
