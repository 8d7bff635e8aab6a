import { readFileSync } from 'node:fs';

const EVERY_MILLIS = 20;

interface Entry {
  readonly at: number;
  readonly used: number;
  readonly waited: number;
}

/** What the kernel has counted of a thread in a window. */
export interface Counted {
  /** CPU milliseconds. */
  readonly used: number;
  /** Milliseconds for which it had something to do and no processor. */
  readonly waited: number;
  /** By how much `used` may be off, as the kernel was not asked just at the edges of the window. */
  readonly error: number;
}

/** The CPU time of a process's main thread as the kernel counts it, over time. */
export class KernelAccount {
  readonly #entries: Entry[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(private readonly pid: number) {
    this.#note();
    this.#timer = setInterval(() => this.#note(), EVERY_MILLIS);
  }

  /** From one moment to another (milliseconds since the epoch). */
  between(from: number, to: number): Counted {
    const [begin, end] = [this.#at(from), this.#at(to)];
    return {
      used: end.used - begin.used,
      waited: end.waited - begin.waited,
      error: begin.error + end.error,
    };
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#note();
  }

  #note(): void {
    // https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat
    const [used, waited] = readFileSync(`/proc/${this.pid}/task/${this.pid}/schedstat`, 'utf8').split(' ');
    this.#entries.push({ at: Date.now(), used: Number(used) / 1e6, waited: Number(waited) / 1e6 });
  }

  /** Between two entries the time is taken to be used evenly. */
  #at(moment: number): { used: number; waited: number; error: number } {
    const index = this.#entries.findIndex(({ at }) => at >= moment);
    const [before, after] = this.#entries.slice(Math.max(0, index - 1), index + 1);
    if (!before || !after) {
      throw new Error('The account does not cover the window of the profile.');
    }
    const share = (moment - before.at) / Math.max(1, after.at - before.at);
    return {
      used: before.used + share * (after.used - before.used),
      waited: before.waited + share * (after.waited - before.waited),
      error: after.used - before.used,
    };
  }
}
