import { monotonicMillis } from '../../shared/agent.protocol.js';
import { type KernelThread, kernelThread, processorWaits, timesThrottled } from './kernel.threads.js';
import type { Cause, Silence } from './threads.errors.js';

/** How often the kernel is asked what the thread does meanwhile. */
const CHECK_MILLIS = 250;

/** However long the thread had no processor: whoever asks does not wait for ever. */
const LONGEST_EXTENSION_MILLIS = 4000;

/**
 * A time limit for an answer. The time in which the thread had no processor (a CPU limit, a busy machine) says nothing of what
 * it does: for that it is given up to four seconds more.
 *
 * @internal
 */
export class AnswerDeadline {
  readonly #startedAt = monotonicMillis();
  /** What the kernel said of the thread when it was observed at first. */
  #first: (KernelThread & { readonly tid: number; readonly at: number }) | undefined;
  #waitsAtFirst: ReadonlyMap<number, number> | undefined;
  #throttledAtFirst = 0;
  readonly #states: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param thread the kernel's number; or a function that finds it out, as far as it can, where no answer comes at once
   * @param millis of time in which the thread could have answered
   * @param onExpired called at most once, unless the limit was cancelled before
   */
  constructor(
    private readonly thread: number | (() => number | undefined),
    private readonly millis: number,
    private readonly onExpired: (silence: Silence) => void,
  ) {
    if (typeof thread === 'number') {
      this.#readFirst(thread);
    }
    this.#checkIn(Math.min(CHECK_MILLIS, millis));
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #readFirst(tid: number | undefined): void {
    const found = tid === undefined ? undefined : kernelThread(tid);
    this.#first = found && { ...found, tid: tid!, at: monotonicMillis() };
    this.#throttledAtFirst = timesThrottled();
  }

  #checkIn(millis: number): void {
    // Through setImmediate: answers that came in while this thread itself was busy are handled first.
    this.#timer = setTimeout(() => setImmediate(() => this.#timer && this.#check()), millis);
  }

  #check(): void {
    const silence = this.#silence();
    const could = silence.millis - silence.withoutProcessorMillis;
    const remaining = Math.min(this.millis - could, this.millis + LONGEST_EXTENSION_MILLIS - silence.millis);
    // Less than a millisecond is how the clocks differ.
    if (remaining >= 1) {
      this.#checkIn(Math.min(remaining, CHECK_MILLIS));
      return;
    }
    this.#timer = undefined;
    this.onExpired(silence);
  }

  #silence(): Silence {
    const now = monotonicMillis();
    const millis = now - this.#startedAt;
    if (!this.#first && !this.#waitsAtFirst) {
      this.#readFirst(typeof this.thread === 'number' ? this.thread : this.thread());
      this.#waitsAtFirst = this.#first ? undefined : processorWaits();
    }
    const throttled = timesThrottled() > this.#throttledAtFirst;
    const thread = this.#first && kernelThread(this.#first.tid);
    if (!this.#first || !thread) {
      const waited = Math.min(longestWait(this.#waitsAtFirst), millis);
      return { millis, cause: 'unknown', withoutProcessorMillis: waited, isOfAnyThread: true, throttled };
    }
    this.#states.push(thread.state);
    const cpu = (thread.cpuNanos - this.#first.cpuNanos) / 1e6;
    const observed = now - this.#first.at;
    // What it is waiting for now, the kernel counts when it has got it.
    const isStillWaiting = cpu < 0.05 * observed && this.#states.every((state) => state === 'R');
    const waited = isStillWaiting ? observed - cpu : (thread.waitedNanos - this.#first.waitedNanos) / 1e6;
    const cause = causeOf(observed, cpu, waited, this.#states);
    const withoutProcessorMillis = Math.min(waited, millis);
    return { millis, cause, withoutProcessorMillis, isOfAnyThread: false, throttled };
  }
}

/** The kernel's clocks of a thread go in steps of up to ten milliseconds. */
const SHORTEST_PROOF_MILLIS = 100;

/** An interrupt takes microseconds: a thread that has run for so long without answering one cannot be interrupted. */
const ENOUGH_CPU_MILLIS = 500;

function causeOf(millis: number, cpu: number, waited: number, states: readonly string[]): Cause {
  if (millis < SHORTEST_PROOF_MILLIS) {
    return 'unknown';
  }
  const isStarved = waited >= millis / 2;
  if (cpu >= 0.9 * (millis - waited) && (!isStarved || cpu >= ENOUGH_CPU_MILLIS)) {
    return 'busy';
  }
  const slept = states.every((state) => state === 'S' || state === 'D');
  return isStarved ? 'starved' : slept && cpu + waited < 0.05 * millis ? 'waiting' : 'unknown';
}

/** In milliseconds, since the waits that are given. */
function longestWait(before: ReadonlyMap<number, number> = new Map()): number {
  const waits = [...processorWaits()].map(([tid, nanos]) => nanos - (before.get(tid) ?? nanos));
  return Math.max(0, ...waits) / 1e6;
}
