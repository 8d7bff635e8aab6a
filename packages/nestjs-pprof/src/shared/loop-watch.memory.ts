/** As many as a window or a look at the watch can hold; what comes beyond is counted and not kept. */
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

  /** Bytes of the thread's heap in use, a second ago at the most while its loop turns; 0 where nobody looks. */
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
