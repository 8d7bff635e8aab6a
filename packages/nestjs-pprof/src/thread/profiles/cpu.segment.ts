import { decodeAddonProfile } from '../pprof/addon-profile.decoder.js';
import { IDLE, PROGRAM } from '../pprof/v8.profiles.js';
import { isMark, type StackSample, syntheticFrame } from '../pprof/profile.model.js';
import type { CpuSegment } from '../../shared/agent.protocol.js';

/** Native code that V8 does not attribute to a function: the event loop itself, system calls, parsing, compiling. */
const PROGRAM_FRAME = syntheticFrame(PROGRAM);

/** Threads of V8 and libuv: garbage collection, compilation, file system, DNS, crypto, zlib. @internal */
export const NON_JAVASCRIPT_THREADS = syntheticFrame('(non-JavaScript threads)');

/** @internal */
export interface SegmentSamples {
  /** Of the main thread only: samples, wall and CPU nanoseconds. */
  readonly samples: readonly StackSample[];
  /** CPU time of all other threads, by the addon's reckoning. */
  readonly otherThreadsNanos: number;
}

/**
 * Reads what the addon has sampled on the main thread.
 *
 * @param hz the rate that was asked for; the segment's own is higher where another capture at the same time asked for more.
 * @internal
 */
export function samplesOfSegment(segment: CpuSegment, hz: number): SegmentSamples {
  const addonProfile = decodeAddonProfile(segment.profile);
  const { durationNanos, processCpuNanos, hasCpuTime } = segment;
  // The addon spreads its own start-up time over the wall time of the samples; each stands for its share of the window.
  const wallScale =
    addonProfile.durationNanos > 0 ? Math.min(1, durationNanos / addonProfile.durationNanos) : 1;
  const samples: StackSample[] = [];
  let otherThreadsNanos = 0;
  let attributedNanos = 0;
  for (const { stack, values } of addonProfile.samples) {
    const [count = 0, wall = 0, cpu = 0] = values;
    const [leaf] = stack;
    attributedNanos += cpu;
    if (isMark(leaf, NON_JAVASCRIPT_THREADS.functionName)) {
      otherThreadsNanos += cpu;
    } else if (!isMark(leaf, IDLE)) {
      samples.push({ stack, values: [count, Math.round(wall * wallScale), cpu] });
    }
  }
  // The addon leaves such samples out, V8 having no stack for them; how much CPU time they had is what is missing.
  const programNanos = hasCpuTime ? Math.max(0, processCpuNanos - attributedNanos) : 0;
  if (programNanos > 0) {
    samples.push({ stack: [PROGRAM_FRAME], values: [0, 0, programNanos] });
  }
  return { samples: withCountsAt(hz / segment.hz, samples), otherThreadsNanos };
}

/**
 * Turns the number of samples into what would have been taken at another rate, so that a count stands for the same time in
 * all segments. What is rounded off is carried on to the next stack: the total is right.
 */
function withCountsAt(rate: number, samples: readonly StackSample[]): readonly StackSample[] {
  if (rate === 1) {
    return samples;
  }
  let taken = 0;
  let counted = 0;
  return samples.map(({ stack, values: [count = 0, ...others] }) => {
    taken += count * rate;
    const countAtRate = Math.round(taken) - counted;
    counted += countAtRate;
    return { stack, values: [countAtRate, ...others] };
  });
}
