/** More than can be young at the same time, unless threads are started by the hundred each second. */
const REMEMBERED = 256;

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
      REMEMBERED * (Float64Array.BYTES_PER_ELEMENT + Int32Array.BYTES_PER_ELEMENT),
    ),
  ) {
    this.#times = new Float64Array(buffer, 0, REMEMBERED);
    this.#ids = new Int32Array(buffer, this.#times.byteLength, REMEMBERED);
  }

  note(threadId: number, now: number): void {
    const at = threadId % REMEMBERED;
    this.#times[at] = now;
    Atomics.store(this.#ids, at, threadId);
  }

  /** Undefined for a worker that was started long ago, or before this was watched. */
  startOf(threadId: number): number | undefined {
    const at = threadId % REMEMBERED;
    return Atomics.load(this.#ids, at) === threadId ? this.#times[at] : undefined;
  }
}
