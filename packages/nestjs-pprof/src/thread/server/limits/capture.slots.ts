import { monotonicMillis } from '../../../shared/agent.protocol.js';
import { PprofError } from '../../../shared/pprof.error.js';

/** To begin and end a capture costs the application something, also where its client leaves at once. */
const SHORTEST_HOLD_MILLIS = 1000;

/** As many captures run as may run at a time. @internal */
export class TooManyCapturesError extends PprofError {
  override readonly name = 'TooManyCapturesError';
  readonly status = 429;

  /** @param retryAfterSeconds when the first of them ends, as far as is known. */
  constructor(
    limit: number,
    override readonly retryAfterSeconds: number,
  ) {
    super(
      `${limit} captures are running, which is the limit (option "maxCaptures" of PprofModule). ` +
        `The first of them ends in ${retryAfterSeconds} s: try again then`,
    );
  }
}

interface Slot {
  endsAt: number;
}

/**
 * The slots for captures, which hold samplers, sessions and memory of the application for as long as they run. A slot of a
 * capture with a window is taken for a second at least: so `max` bounds also how often captures begin.
 *
 * @internal
 */
export class CaptureSlots {
  readonly #taken = new Set<Slot>();

  constructor(private readonly max: number) {}

  /** How many are taken. */
  get taken(): number {
    return this.#taken.size;
  }

  /**
   * Runs a capture if there is a slot for it, which it keeps until its answer is out.
   *
   * @param seconds how long its window is; undefined for what is of this moment.
   * @param gone frees the slot, whatever the capture still has to clean up.
   * @throws {TooManyCapturesError} before anything is started.
   */
  async run<T>(seconds: number | undefined, gone: AbortSignal, capture: () => Promise<T>): Promise<T> {
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
    gone.addEventListener('abort', release, { once: true });
    try {
      return await capture();
    } finally {
      gone.removeEventListener('abort', release);
      release();
    }
  }

  /** One whose window is over is being encoded, or waits for a stuck thread or a slow client: it ends at any moment. */
  #secondsToFirstEnd(): number {
    const first = Math.min(...[...this.#taken].map(({ endsAt }) => endsAt));
    return Math.max(1, Math.ceil((first - monotonicMillis()) / 1000));
  }
}
