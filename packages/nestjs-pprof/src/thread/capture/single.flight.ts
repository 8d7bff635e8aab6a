import { setMaxListeners } from 'node:events';
import { untilAborted } from './abort.race.js';

interface Flight<T> {
  readonly answer: Promise<T>;
  readonly abandon: AbortController;
  waiting: number;
}

/**
 * One run for all who ask for the same while it goes on.
 *
 * @internal
 */
export class SingleFlight<K, T> {
  readonly #flights = new Map<K, Flight<T>>();

  /**
   * @param key what is the same for all who get one answer.
   * @param gone this one waits no more.
   * @param begin its signal fires when nobody waits any more.
   * @throws what the run does, or the reason of `gone` as soon as it fires.
   */
  async join(key: K, gone: AbortSignal, begin: (signal: AbortSignal) => Promise<T>): Promise<T> {
    gone.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#begin(key, begin);
    flight.waiting += 1;
    try {
      return await untilAborted(gone, flight.answer);
    } finally {
      flight.waiting -= 1;
      if (flight.waiting === 0) {
        // Whoever asks now does not get what is being given up.
        this.#land(key, flight);
        flight.abandon.abort();
      }
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

  #land(key: K, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) {
      this.#flights.delete(key);
    }
  }
}
