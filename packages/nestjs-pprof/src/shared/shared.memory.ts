/** More than can be young at the same time, unless threads are started by the hundred each second. */
const REMEMBERED = 256;

/** Where the ends are, behind the starts: of the last short-lived worker, and of the last of all. */
const LAST_SHORT_LIFE = REMEMBERED;
const LAST_END = REMEMBERED + 1;
const TIMES = REMEMBERED + 2;

/** A worker that lived for less than this is called short-lived. */
const SHORT_LIFE_MILLIS = 1000;

/** For how long an application that had a short-lived worker is taken for one that will have more. */
const REMEMBERED_MILLIS = 30_000;

/**
 * When the latest worker threads were started, by the process's monotonic clock in milliseconds, in memory that the main
 * and the profiling thread share.
 *
 * @internal
 */
export class WorkerStartsMemory {
  readonly #times: Float64Array;
  readonly #ids: Int32Array;

  constructor(
    readonly buffer = new SharedArrayBuffer(
      TIMES * Float64Array.BYTES_PER_ELEMENT + REMEMBERED * Int32Array.BYTES_PER_ELEMENT,
    ),
  ) {
    this.#times = new Float64Array(buffer, 0, TIMES);
    this.#ids = new Int32Array(buffer, this.#times.byteLength, REMEMBERED);
  }

  note(threadId: number, now: number): void {
    const at = threadId % REMEMBERED;
    this.#times[at] = now;
    Atomics.store(this.#ids, at, threadId);
  }

  noteEnd(startedAt: number, now: number): void {
    this.#times[LAST_END] = now;
    if (now - startedAt < SHORT_LIFE_MILLIS) {
      this.#times[LAST_SHORT_LIFE] = now;
    }
  }

  /** Whether the application has lately had a worker that ended, however long it had lived. */
  hasEnded(now: number): boolean {
    return this.#isLately(LAST_END, now);
  }

  /** Whether the application has lately had a worker that ended right after it had started. */
  hasShortLived(now: number): boolean {
    return this.#isLately(LAST_SHORT_LIFE, now);
  }

  #isLately(end: number, now: number): boolean {
    const at = this.#times[end]!;
    return at > 0 && now - at < REMEMBERED_MILLIS;
  }

  /** Undefined for a worker that was started long ago, or before this was watched. */
  startOf(threadId: number): number | undefined {
    const at = threadId % REMEMBERED;
    return Atomics.load(this.#ids, at) === threadId ? this.#times[at] : undefined;
  }
}

/** Rare enough to cost nothing; it is how exactly one can tell since when a loop has been stuck. @internal */
export const BEAT_MILLIS = 500;

/** Reads, in any thread, when the main thread's event loop has turned last: as `monotonicMillis`. @internal */
export function lastBeatIn(memory: SharedArrayBuffer): number {
  return Number(Atomics.load(new BigInt64Array(memory), 0)) / 1e6;
}

const OPEN = 0;
const TAKEN = 1;
const WITHDRAWN = 2;

/**
 * Settles between the two threads whether a request is done or given up, in memory that both see: a clock would not do, as
 * how long is waited for a main thread depends on whether it had a processor.
 *
 * @internal
 */
export function newClaim(): SharedArrayBuffer {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
}

/** @returns whether whoever has asked still waits for it, and does so until it is done. @internal */
export function takeRequest(claim: SharedArrayBuffer): boolean {
  return Atomics.compareExchange(new Int32Array(claim), 0, OPEN, TAKEN) === OPEN;
}

/** @returns whether it will never be done. @internal */
export function withdrawRequest(claim: SharedArrayBuffer): boolean {
  return Atomics.compareExchange(new Int32Array(claim), 0, OPEN, WITHDRAWN) !== TAKEN;
}

/** As many as a window, or a reading of the watch, can hold; what comes beyond is counted and not kept. */
const MAX_BLOCKS = 4096;

const LAST_TICK = 0;
const IDLE_UNTIL_THEN = 1;
const HEAP_USED = 2;
const BLOCKS = 3;

/** A time in which an event loop did not turn, with something to do, in microseconds of the process's monotonic clock. @internal */
export interface LoopBlock {
  readonly from: number;
  readonly to: number;
}

/**
 * What the watch on an event loop has seen, in memory that both threads see: the other side can read it, and how long
 * the loop has not turned, while that loop is stuck.
 *
 * @internal
 */
export class LoopWatchMemory {
  readonly #times: Float64Array;
  readonly #count: Int32Array;

  constructor(
    readonly buffer = new SharedArrayBuffer((BLOCKS + 2 * MAX_BLOCKS + 1) * Float64Array.BYTES_PER_ELEMENT),
  ) {
    this.#times = new Float64Array(buffer, 0, BLOCKS + 2 * MAX_BLOCKS);
    this.#count = new Int32Array(buffer, this.#times.byteLength, 1);
  }

  /** When the watch has seen the loop turn last; 0 before it has begun. */
  get lastTick(): number {
    return this.#times[LAST_TICK]!;
  }

  /** Bytes of the thread's heap in use, a second ago at the most while its loop turns; 0 where it is not measured. */
  get heapUsed(): number {
    return this.#times[HEAP_USED]!;
  }

  noteHeap(used: number): void {
    this.#times[HEAP_USED] = used;
  }

  /** How many blocks have been seen so far. */
  get count(): number {
    return Atomics.load(this.#count, 0);
  }

  /**
   * Notes that the loop turns; the time since the last tick was a block as far as the loop was not idle, if that was longer than
   * the threshold.
   *
   * @param idle microseconds that the loop has been idle since it exists, and those that are to be left out
   */
  tick(now: number, idle: number, thresholdMicros: number): void {
    const { lastTick } = this;
    // Idle time comes first: whatever ends later than the timer is due has the timer run right after it.
    const active = now - lastTick - (idle - this.#times[IDLE_UNTIL_THEN]!);
    if (lastTick > 0 && active > thresholdMicros) {
      const { count } = this;
      const at = BLOCKS + 2 * (count % MAX_BLOCKS);
      this.#times[at] = now - active;
      this.#times[at + 1] = now;
      Atomics.store(this.#count, 0, count + 1);
    }
    this.#times[IDLE_UNTIL_THEN] = idle;
    this.#times[LAST_TICK] = now;
  }

  /** The blocks from number `first` on, as far as they are still held. */
  blocksFrom(first: number): LoopBlock[] {
    const { count } = this;
    const blocks: LoopBlock[] = [];
    for (let index = Math.max(first, count - MAX_BLOCKS); index < count; index++) {
      const at = BLOCKS + 2 * (index % MAX_BLOCKS);
      blocks.push({ from: this.#times[at]!, to: this.#times[at + 1]! });
    }
    return blocks;
  }
}
