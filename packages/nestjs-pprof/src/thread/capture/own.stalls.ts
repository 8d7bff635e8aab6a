import { monotonicMillis } from '../../shared/agent.protocol.js';
import type { LoopBlock } from '../../shared/shared.memory.js';

/** More than a window can have: a capture has a few. */
const MAX_STALLS = 4096;

/**
 * When the main thread was held up by what this thread has asked its inspector for: to start V8's profiler takes some tens of
 * milliseconds, most of a second with a large heap, in which the event loop does not turn. The application has no part in it.
 *
 * @internal
 */
export class OwnStalls {
  readonly #stalls: LoopBlock[] = [];
  #goingOn = 0;

  /** Whether an answer is outstanding, so that it is not known yet what of a block was a stall. */
  get areGoingOn(): boolean {
    return this.#goingOn > 0;
  }

  /** @returns what has to be called once when it is over, with its time where that is known. */
  begin(): (stall?: LoopBlock) => void {
    this.#goingOn += 1;
    return (stall) => {
      this.#goingOn -= 1;
      if (stall && stall.to > stall.from) {
        this.#stalls.push(stall);
        this.#stalls.sort((a, b) => a.from - b.from);
        this.#stalls.splice(0, this.#stalls.length - MAX_STALLS);
      }
    };
  }

  /** The blocks without what was a stall in them, as far as they are longer than the threshold even so. */
  without(blocks: readonly LoopBlock[], thresholdMicros: number): LoopBlock[] {
    return blocks
      .map(({ from, to }) => ({ from: Math.min(to, from + this.#within({ from, to })), to }))
      .filter(({ from, to }) => to - from > thresholdMicros);
  }

  #within(block: LoopBlock): number {
    let total = 0;
    let counted = block.from;
    for (const { from, to } of this.#stalls) {
      const end = Math.min(to, block.to);
      total += Math.max(0, end - Math.max(from, counted));
      counted = Math.max(counted, end);
    }
    return total;
  }
}

/** What holds the thread up while it is carried out. */
const STALLING: ReadonlySet<string> = new Set([
  'Profiler.start',
  'Profiler.stop',
  'Profiler.startPreciseCoverage',
  'HeapProfiler.takeHeapSnapshot',
  'HeapProfiler.collectGarbage',
  'HeapProfiler.getSamplingProfile',
  'Debugger.enable',
]);

/** Whose answer tells that the thread takes messages: until then it was in something of the application's. */
const CHEAP = 'Runtime.getIsolateId';

/** A thread that has answered so shortly before carries the next message out at once. */
const JUST_ANSWERED_MILLIS = 10;

/** Of what V8 tells of a profile; microseconds. */
interface StoppedProfile {
  readonly startTime?: number;
  readonly endTime?: number;
  readonly timeDeltas?: readonly number[];
}

/** Notes when what one session has posted has held the main thread up. @internal */
export class SessionStalls {
  #answeredAt = -Infinity;
  /** How long V8's profiler took to start, as far as is known until its first sample is. */
  #starting: { readonly from: number; to: number } | undefined;

  constructor(
    private readonly stalls: OwnStalls,
    private readonly post: (method: string, onAnswer: () => void) => void,
  ) {}

  /** To be called right before a message is posted. @returns what takes the answer. */
  posting(method: string): (error: Error | null, result?: object) => void {
    const ended = STALLING.has(method) ? this.#stallBy(method) : undefined;
    return (error, result) => {
      ended?.(error, result);
      this.#answeredAt = monotonicMillis();
    };
  }

  /** @returns what takes the answer, and notes for how long the thread was held up. */
  #stallBy(method: string): (error: Error | null, result?: object) => void {
    const end = this.stalls.begin();
    const postedAt = monotonicMillis();
    const isAtOnce = postedAt - this.#answeredAt <= JUST_ANSWERED_MILLIS;
    if (!isAtOnce) {
      this.post(CHEAP, () => (this.#answeredAt = monotonicMillis()));
    }
    return (error, result) => {
      const to = monotonicMillis() * 1000;
      const { profile } = (result ?? {}) as { profile?: StoppedProfile };
      // V8's clock is the same on Linux. Where it is not, nothing is noted that may not have been.
      const stoppedAt = method === 'Profiler.stop' ? Math.min(to, profile?.endTime ?? to) : 0;
      const begunAt = isAtOnce ? postedAt : Math.max(postedAt, this.#answeredAt);
      const stall = { from: Math.max(stoppedAt, begunAt * 1000), to };
      end(error ? undefined : stall);
      if (method === 'Profiler.start') {
        this.#starting = stall;
      } else if (profile) {
        this.#endStart(profile);
      }
    };
  }

  /**
   * V8 takes its first sample when it has started, which a thread that waits for a processor learns late: all the while the
   * application runs.
   */
  #endStart({ startTime = 0, timeDeltas = [] }: StoppedProfile): void {
    const firstSample = startTime + (timeDeltas[0] ?? 0);
    if (this.#starting && firstSample > this.#starting.from) {
      this.#starting.to = Math.min(this.#starting.to, firstSample);
    }
    this.#starting = undefined;
  }
}
