import type { ServerResponse } from 'node:http';

/** Requests that are let through at once. Far more than a scraper or a person sends. */
const BURST = 200;
/** Requests a second beyond. */
const RATE = 400;

interface Waiting {
  readonly response: ServerResponse;
  readonly answer: () => void;
}

/**
 * Answers a flood of requests at a bounded rate, in the order in which they came: the profiling thread then takes some
 * hundredths of a processor from the application, and not all of one. As a client waits for its answer before it asks
 * again, and connections are limited, nobody waits for long.
 *
 * @internal
 */
export class RequestPace {
  readonly #waiting: Waiting[] = [];
  #tokens: number;
  #refilledAt = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly burst = BURST,
    private readonly rate = RATE,
  ) {
    this.#tokens = burst;
  }

  /** Calls `answer`, now or later; not if the client goes away before. */
  admit(response: ServerResponse, answer: () => void): void {
    this.#waiting.push({ response, answer });
    if (this.#timer === undefined) {
      this.#letThrough();
    }
  }

  #letThrough(): void {
    this.#timer = undefined;
    this.#refill();
    while (this.#waiting.length > 0 && this.#tokens >= 1) {
      const { response, answer } = this.#waiting.shift()!;
      if (!response.destroyed && !response.req.socket.destroyed) {
        this.#tokens -= 1;
        answer();
      }
    }
    if (this.#waiting.length > 0) {
      this.#timer = setTimeout(() => this.#letThrough(), 1000 / this.rate);
    }
  }

  #refill(): void {
    const now = performance.now();
    this.#tokens = Math.min(this.burst, this.#tokens + ((now - this.#refilledAt) * this.rate) / 1000);
    this.#refilledAt = now;
  }
}
