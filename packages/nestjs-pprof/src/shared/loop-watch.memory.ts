/** As many as a window or a look at the watch can hold; what comes beyond is counted and not kept. */
const MAX_BLOCKS = 4096;

const LAST_TICK = 0;
const BLOCKS = 1;

/** A time in which an event loop did not turn, in microseconds of the process's monotonic clock. @internal */
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

  /** How many blocks have been seen so far. */
  get count(): number {
    return Atomics.load(this.#count, 0);
  }

  /** Notes that the loop turns; the time since the last tick was a block if it was longer than the threshold. */
  tick(now: number, thresholdMicros: number): void {
    const { lastTick } = this;
    if (lastTick > 0 && now - lastTick > thresholdMicros) {
      const { count } = this;
      const at = BLOCKS + 2 * (count % MAX_BLOCKS);
      this.#times[at] = lastTick;
      this.#times[at + 1] = now;
      Atomics.store(this.#count, 0, count + 1);
    }
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
