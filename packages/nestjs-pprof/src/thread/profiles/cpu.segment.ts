import { decodeAddonProfile } from '../pprof/addon-profile.decoder.js';
import { IDLE } from '../pprof/v8.profiles.js';
import { isMark, type StackSample } from '../pprof/profile.model.js';
import { type CpuSegment, SAMPLE_LOG_COLUMNS } from '../../shared/agent.protocol.js';

/** The addon's sum for threads of V8 and libuv, and for all others: it is reckoned anew, with the clock of the thread. */
const OTHER_THREADS = '(non-JavaScript threads)';

/** What a sample itself costs a thread that does nothing else: it has been seen to be 5 to 60 µs. */
const WAITING_CPU_NANOS = 100_000;

/** What the addon has sampled on the main thread in a segment. @internal */
export interface SegmentSamples {
  /**
   * Samples, wall nanoseconds, and those of them in which the stack can have used CPU time. A sample does not tell how much it
   * used: the addon's own figure is the time since the sample before, most of which belongs to whatever ran in between.
   */
  readonly samples: readonly StackSample[];
  readonly taken: number;
  readonly idle: number;
}

/**
 * Reads what the addon has sampled on the main thread.
 *
 * @param hz the rate that was asked for; the segment's own is higher where another capture at the same time asked for more.
 * @internal
 */
export function samplesOfSegment(segment: CpuSegment, hz: number): SegmentSamples {
  const addonProfile = decodeAddonProfile(segment.profile);
  // The addon spreads its own start-up time over the wall time of the samples; each stands for its share of the window.
  const wallScale =
    addonProfile.durationNanos > 0 ? Math.min(1, segment.durationNanos / addonProfile.durationNanos) : 1;
  const { waiting, taken } = readLog(segment);
  const samples: StackSample[] = [];
  let busy = 0;
  addonProfile.samples.forEach(({ stack, values: [count = 0, wall = 0] }, index) => {
    const [leaf] = stack;
    if (isMark(leaf, OTHER_THREADS) || isMark(leaf, IDLE) || count === 0) {
      return;
    }
    busy += count;
    // The addon takes whatever is called so for V8's mark, and says that it took no time.
    const isNamedIdle = leaf?.functionName === IDLE;
    const wallNanos = Math.round((isNamedIdle ? count * addonProfile.period : wall) * wallScale);
    const { hits = 0, cpuNanos = 0 } = waiting.get(index) ?? {};
    const runningNanos = Math.round((wallNanos * (count - hits)) / count + cpuNanos);
    samples.push({ stack, values: [count, wallNanos, Math.min(runningNanos, wallNanos)] });
  });
  return { samples: withCountsAt(hz / segment.hz, samples), taken, idle: Math.max(0, taken - busy) };
}

interface Waiting {
  hits: number;
  cpuNanos: number;
}

/**
 * The samples of threads that wait in a synchronous call (`execSync`, `Atomics.wait`), by stack: two in a row in the same
 * stack, and no CPU time in between.
 */
function readLog({ sampleLog, hz }: CpuSegment): { waiting: ReadonlyMap<number, Waiting>; taken: number } {
  const log = new Float64Array(sampleLog.slice().buffer);
  const taken = log.length / SAMPLE_LOG_COLUMNS;
  const order = Array.from({ length: taken }, (_, row) => row * SAMPLE_LOG_COLUMNS);
  order.sort((a, b) => log[a]! - log[b]!);
  const limit = Math.min(WAITING_CPU_NANOS, 1e9 / hz / 10);
  const waiting = new Map<number, Waiting>();
  order.forEach((row, position) => {
    const [cpuNanos, stack] = [log[row + 1]!, log[row + 2]!];
    const before = position > 0 ? log[order[position - 1]! + 2] : undefined;
    if (stack >= 0 && stack === before && cpuNanos < limit) {
      const sum = waiting.get(stack) ?? { hits: 0, cpuNanos: 0 };
      waiting.set(stack, { hits: sum.hits + 1, cpuNanos: sum.cpuNanos + cpuNanos });
    }
  });
  return { waiting, taken };
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
