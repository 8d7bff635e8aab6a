import { decodeAddonProfile } from '../pprof/pprof.decoder.js';
import type { CpuCapture } from '../capture/cpu.capturer.js';
import type { SampledSegment } from '../capture/cpu.rotation.js';
import { IDLE } from '../pprof/v8.profiles.js';
import { isMark, type StackSample } from '../pprof/profile.model.js';
import { type CpuSegment, NO_LABELS, NO_STACK, SAMPLE_LOG_COLUMNS } from '../../shared/agent.protocol.js';

/** The addon's sum for threads of V8 and libuv, and for all others: it is reckoned anew, with the clock of the thread. */
const OTHER_THREADS = '(non-JavaScript threads)';

/** What a sample itself costs a thread that does nothing else: it has been seen to be 5 to 60 µs. */
const WAITING_CPU_NANOS = 100_000;

/** Those of the main thread, where its agent has sampled it. @internal */
export function segmentsOf({ threads }: Pick<CpuCapture, 'threads'>): readonly SampledSegment[] {
  return threads.flatMap((thread) => (thread.by === 'agent' ? thread.segments : []));
}

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
 * @param hz the rate that was asked for; the segment's is higher where another capture at the same time asked for more.
 *
 * @internal
 */
export function samplesOfSegment(segment: CpuSegment, hz: number): SegmentSamples {
  const addonProfile = decodeAddonProfile(segment.profile);
  // The addon spreads its own start-up time over the wall time of the samples; each stands for its share of the window.
  const wallScale =
    addonProfile.durationNanos > 0 ? Math.min(1, segment.durationNanos / addonProfile.durationNanos) : 1;
  const { stacks, taken } = readLog(segment);
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
    let left = Math.round((isNamedIdle ? count * addonProfile.period : wall) * wallScale);
    let hitsLeft = count;
    const logged = [...(stacks.get(index) ?? [])];
    const loggedHits = logged.reduce((total, [, { hits }]) => total + hits, 0);
    // The addon cannot match a few samples.
    const groups =
      loggedHits < count ? [...logged, [NO_LABELS, hitsOf(count - loggedHits)] as const] : logged;
    for (const [labels, { hits, waitingHits, waitingNanos }] of groups) {
      const wallNanos = Math.round((left * Math.min(hits, hitsLeft)) / hitsLeft);
      left -= wallNanos;
      hitsLeft -= hits;
      const runningNanos = Math.round((wallNanos * (hits - waitingHits)) / hits + waitingNanos);
      samples.push({
        stack,
        values: [hits, wallNanos, Math.min(runningNanos, wallNanos)],
        ...(labels === NO_LABELS ? {} : { labels: segment.labels?.sets[labels] ?? {} }),
      });
    }
  });
  return { samples: withCountsAt(hz / segment.hz, samples), taken, idle: Math.max(0, taken - busy) };
}

/** The samples of one stack with the same labels. */
interface Hits {
  hits: number;
  /** Of threads that wait in a synchronous call (`execSync`, `Atomics.wait`), and the CPU time that they used. */
  waitingHits: number;
  waitingNanos: number;
}

function hitsOf(hits: number): Hits {
  return { hits, waitingHits: 0, waitingNanos: 0 };
}

/** The samples by stack and labels. A thread waits where two in a row have the same stack, and no CPU time in between. */
function readLog({ sampleLog, hz }: CpuSegment): {
  stacks: ReadonlyMap<number, ReadonlyMap<number, Hits>>;
  taken: number;
} {
  const log = new Float64Array(sampleLog.slice().buffer);
  const taken = log.length / SAMPLE_LOG_COLUMNS;
  const order = Array.from({ length: taken }, (_, row) => row * SAMPLE_LOG_COLUMNS);
  order.sort((a, b) => log[a]! - log[b]!);
  const limit = Math.min(WAITING_CPU_NANOS, 1e9 / hz / 10);
  const stacks = new Map<number, Map<number, Hits>>();
  order.forEach((row, position) => {
    const [cpuNanos, stack, labels] = [log[row + 1]!, log[row + 2]!, log[row + 3]!];
    const before = position > 0 ? log[order[position - 1]! + 2] : undefined;
    if (stack === NO_STACK) {
      return;
    }
    const byLabels = stacks.get(stack) ?? new Map<number, Hits>();
    stacks.set(stack, byLabels);
    const counted = byLabels.get(labels) ?? hitsOf(0);
    byLabels.set(labels, counted);
    counted.hits++;
    if (stack === before && cpuNanos < limit) {
      counted.waitingHits++;
      counted.waitingNanos += cpuNanos;
    }
  });
  return { stacks, taken };
}

/**
 * The number of samples as it would be at another rate, so that a count stands for the same time in all segments. What is
 * rounded off is carried on to the next stack: the total is right.
 */
function withCountsAt(rate: number, samples: readonly StackSample[]): readonly StackSample[] {
  if (rate === 1) {
    return samples;
  }
  let taken = 0;
  let counted = 0;
  return samples.map(({ values: [count = 0, ...others], ...sample }) => {
    taken += count * rate;
    const countAtRate = Math.round(taken) - counted;
    counted += countAtRate;
    return { ...sample, values: [countAtRate, ...others] };
  });
}

/** @internal */
export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
