/** More than can be young at the same time, unless threads are started by the hundred each second. */
const REMEMBERED = 256;

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
      (REMEMBERED + 1) * Float64Array.BYTES_PER_ELEMENT + REMEMBERED * Int32Array.BYTES_PER_ELEMENT,
    ),
  ) {
    this.#times = new Float64Array(buffer, 0, REMEMBERED + 1);
    this.#ids = new Int32Array(buffer, this.#times.byteLength, REMEMBERED);
  }

  note(threadId: number, now: number): void {
    const at = threadId % REMEMBERED;
    this.#times[at] = now;
    Atomics.store(this.#ids, at, threadId);
  }

  noteEnd(startedAt: number, now: number): void {
    if (now - startedAt < SHORT_LIFE_MILLIS) {
      this.#times[REMEMBERED] = now;
    }
  }

  /** Whether the application has lately had a worker that ended right after it had started. */
  hasShortLived(now: number): boolean {
    const lastEnd = this.#times[REMEMBERED]!;
    return lastEnd > 0 && now - lastEnd < REMEMBERED_MILLIS;
  }

  /** Undefined for a worker that was started long ago, or before this was watched. */
  startOf(threadId: number): number | undefined {
    const at = threadId % REMEMBERED;
    return Atomics.load(this.#ids, at) === threadId ? this.#times[at] : undefined;
  }
}

/** Reads, in any thread, when the main thread's event loop has turned last: milliseconds since the epoch. @internal */
export function lastBeatIn(memory: SharedArrayBuffer): number {
  return Number(Atomics.load(new BigInt64Array(memory), 0));
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
