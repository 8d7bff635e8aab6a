import type { Duplex } from 'node:stream';

/** Requests that are let through at once. Far more than a scraper or a person sends. */
const BURST = 200;
/** Requests a second beyond. */
const RATE = 100;

const TICK_MILLIS = 20;

interface Waiting {
  readonly socket: Duplex;
  readonly answer: () => void;
}

/**
 * Answers a flood at a bounded rate, for some hundredths of a processor and not all of one. Who asks for the first time on a
 * connection comes first: one that floods asks again and again on the same, and the operator does not.
 *
 * @internal
 */
export class RateLimit {
  #newcomers: Waiting[] = [];
  #others: Waiting[] = [];
  readonly #known = new WeakSet<Duplex>();
  #tokens: number;
  #refilledAt = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly burst = BURST,
    private readonly rate = RATE,
  ) {
    this.#tokens = burst;
  }

  get waiting(): number {
    return this.#newcomers.length + this.#others.length;
  }

  /** Calls `answer`, now or later; not if the client disconnects before. `isStrange` is what no client of a profiler sends. */
  admit(socket: Duplex, answer: () => void, isStrange = false): void {
    if (socket.destroyed) {
      // Node reads on to the end of what has arrived: thousands of requests, of a client that sends them all at once.
      return;
    }
    const queue = isStrange || this.#known.has(socket) ? this.#others : this.#newcomers;
    this.#known.add(socket);
    queue.push({ socket, answer });
    if (this.#timer === undefined) {
      this.#letThrough();
    }
  }

  #letThrough(): void {
    this.#timer = undefined;
    this.#refill();
    // Those at the end may never be served, and so would pile up.
    this.#newcomers = this.#newcomers.filter(isPresent);
    this.#others = this.#others.filter(isPresent);
    while (this.#tokens >= 1) {
      const next = this.#newcomers.shift() ?? this.#others.shift();
      if (next === undefined) {
        return;
      }
      this.#tokens -= 1;
      next.answer();
    }
    if (this.waiting > 0) {
      this.#timer = setTimeout(() => this.#letThrough(), TICK_MILLIS);
    }
  }

  #refill(): void {
    const now = performance.now();
    this.#tokens = Math.min(this.burst, this.#tokens + ((now - this.#refilledAt) * this.rate) / 1000);
    this.#refilledAt = now;
  }
}

function isPresent({ socket }: Waiting): boolean {
  return !socket.destroyed;
}
