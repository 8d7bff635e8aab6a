import { setMaxListeners } from 'node:events';

/**
 * Settles as the promise does, or rejects as soon as the signal fires. What the promise stands for goes on: only for what
 * ends by itself, and soon, or what others need as well.
 *
 * @internal
 */
export async function untilAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  let abort!: () => void;
  const aborted = new Promise<never>((_, reject) => (abort = () => reject(signal.reason as Error)));
  signal.addEventListener('abort', abort);
  try {
    if (signal.aborted) {
      abort();
    }
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

interface Flight<T> {
  readonly answer: Promise<T>;
  readonly abandon: AbortController;
  waiting: number;
}

/** One run for all who ask for the same while it goes on. @internal */
export class SingleFlight<K, T> {
  readonly #flights = new Map<K, Flight<T>>();

  /**
   * @param key what is the same for all who get one answer.
   * @param signal of this caller alone.
   * @param begin its signal fires when nobody waits any more.
   * @throws what the run does, or the reason of `signal` as soon as it fires.
   */
  async join(key: K, signal: AbortSignal, begin: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#begin(key, begin);
    flight.waiting += 1;
    const onAbort = () => {
      flight.waiting -= 1;
      // Whoever asks now does not get what is being given up.
      if (flight.waiting === 0 && this.#land(key, flight)) {
        flight.abandon.abort();
      }
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await untilAborted(signal, flight.answer);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #begin(key: K, begin: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const abandon = new AbortController();
    // One listener a thread that is asked, which may be many.
    setMaxListeners(0, abandon.signal);
    const flight: Flight<T> = { answer: begin(abandon.signal), abandon, waiting: 0 };
    this.#flights.set(key, flight);
    flight.answer.finally(() => this.#land(key, flight)).catch(() => undefined);
    return flight;
  }

  /** @returns whether it was still going on. */
  #land(key: K, flight: Flight<T>): boolean {
    return this.#flights.get(key) === flight && this.#flights.delete(key);
  }
}
