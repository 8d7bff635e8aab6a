import { monotonicMillis } from '../../../shared/agent.protocol.js';
import { PprofError } from '../../../shared/pprof.error.js';
import { Mutex } from '../../capture/mutex.js';
import { SingleFlight } from '../../capture/single.flight.js';

/** To begin and end a capture costs the application something, also where its client disconnects at once. */
const SHORTEST_HOLD_MILLIS = 1000;

/** A sample of a thread that is stuck takes seconds; whoever asks next does not wait for as long again. */
const LONGEST_COOLDOWN_MILLIS = 1000;

/** As many captures run as may run at a time. @internal */
export class TooManyCapturesError extends PprofError {
  /** @param secondsToFirstEnd as far as is known */
  constructor(limit: number, secondsToFirstEnd: number) {
    super(
      429,
      `${limit} captures are running, or began less than a second ago, which is the limit (option "maxCaptures" of ` +
        `PprofModule). There is room for another in ${secondsToFirstEnd} s: try again then`,
      { headers: { 'Retry-After': String(secondsToFirstEnd) } },
    );
  }
}

interface Slot {
  endsAt: number;
}

/**
 * The slots for captures, which hold samplers, sessions and memory of the application for as long as they run. That of a
 * window is taken for a second at least: so `max` bounds also how often captures begin.
 *
 * @internal
 */
export class CaptureSlots {
  readonly #taken = new Set<Slot>();
  readonly #moments = new SingleFlight<string, unknown>();
  /** By the kind of the captures that are made one after the other. */
  readonly #mutexes = new Map<string, Mutex>();

  constructor(private readonly max: number) {}

  get taken(): number {
    return this.#taken.size;
  }

  /**
   * Runs a capture if there is a slot for it, which it keeps until its answer is out.
   *
   * @param seconds how long its window is; undefined for what is of this moment.
   * @param signal frees the slot, whatever the capture still has to clean up.
   * @throws {TooManyCapturesError} before anything is started.
   */
  async run<T>(seconds: number | undefined, signal: AbortSignal, capture: () => Promise<T>): Promise<T> {
    if (this.#taken.size >= this.max) {
      throw new TooManyCapturesError(this.max, this.#secondsToFirstEnd());
    }
    const begunAt = monotonicMillis();
    const slot: Slot = { endsAt: begunAt + (seconds ?? 0) * 1000 };
    const release = () => {
      const held = monotonicMillis() - begunAt;
      if (seconds === undefined || held >= SHORTEST_HOLD_MILLIS) {
        this.#taken.delete(slot);
      } else {
        slot.endsAt = begunAt + SHORTEST_HOLD_MILLIS;
        setTimeout(() => this.#taken.delete(slot), SHORTEST_HOLD_MILLIS - held).unref();
      }
    };
    this.#taken.add(slot);
    signal.addEventListener('abort', release, { once: true });
    try {
      return await capture();
    } finally {
      signal.removeEventListener('abort', release);
      release();
    }
  }

  /**
   * Captures of this moment: one at a time of each kind, with a cooldown in between, so that they cannot stop the application
   * by being asked for over and over. The same question, asked before it is answered, has one answer, and takes one slot.
   *
   * @param signal of this client.
   * @param capture its signal tells that no client waits any more.
   * @throws what the capture does, TooManyCapturesError, or the reason of `signal`.
   */
  async runMoment<T>(
    kind: string,
    question: string,
    signal: AbortSignal,
    capture: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const mutex = this.#mutexes.get(kind) ?? new Mutex(LONGEST_COOLDOWN_MILLIS);
    this.#mutexes.set(kind, mutex);
    const answer = await this.#moments.join(question, signal, (shared) =>
      this.run(undefined, shared, () =>
        mutex.run(() => {
          shared.throwIfAborted();
          return capture(shared);
        }),
      ),
    );
    return answer as T;
  }

  /** One whose window is over is being encoded, or waits for a stuck thread or a slow client: it ends at any moment. */
  #secondsToFirstEnd(): number {
    const first = Math.min(...[...this.#taken].map(({ endsAt }) => endsAt));
    return Math.max(1, Math.ceil((first - monotonicMillis()) / 1000));
  }
}
