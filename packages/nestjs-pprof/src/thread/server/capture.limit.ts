import { PprofError } from '../../shared/pprof.error.js';
import { monotonicMillis } from '../../shared/agent.protocol.js';

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

interface RunningCapture {
  readonly endsAt: number;
}

/**
 * The places for captures: requests that are answered only after a window of time, and hold samplers, sessions and memory
 * for as long.
 *
 * @internal
 */
export class CaptureLimit {
  readonly #running = new Set<RunningCapture>();

  constructor(private readonly max: number) {}

  /**
   * Runs a capture if there is a place for it.
   *
   * @param seconds how long its window is.
   * @param gone frees the place at once, whatever the capture still has to clean up.
   * @throws {TooManyCapturesError} before anything is started.
   */
  async run<T>(seconds: number, gone: AbortSignal, capture: () => Promise<T>): Promise<T> {
    if (this.#running.size >= this.max) {
      throw new TooManyCapturesError(this.max, this.#secondsToFirstEnd());
    }
    const place: RunningCapture = { endsAt: monotonicMillis() + seconds * 1000 };
    const leave = () => this.#running.delete(place);
    this.#running.add(place);
    gone.addEventListener('abort', leave);
    try {
      return await capture();
    } finally {
      gone.removeEventListener('abort', leave);
      leave();
    }
  }

  /** One whose window is over is being encoded, or waits for a stuck thread: it ends at any moment. */
  #secondsToFirstEnd(): number {
    const first = Math.min(...[...this.#running].map(({ endsAt }) => endsAt));
    return Math.max(1, Math.ceil((first - monotonicMillis()) / 1000));
  }
}
