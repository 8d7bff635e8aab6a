import { readFileSync } from 'node:fs';

const EVERY_MILLIS = 20;

/** The CPU time of a process's main thread as the kernel counts it, over time. */
export class KernelAccount {
  readonly #entries: Array<{ readonly at: number; readonly millis: number }> = [];
  readonly #timer: NodeJS.Timeout;

  constructor(private readonly pid: number) {
    this.#note();
    this.#timer = setInterval(() => this.#note(), EVERY_MILLIS);
  }

  /** CPU milliseconds that the thread has used from one moment to another (milliseconds since the epoch). */
  between(from: number, to: number): number {
    return this.#until(to) - this.#until(from);
  }

  stop(): void {
    this.#note();
    clearInterval(this.#timer);
  }

  #note(): void {
    // https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat
    const nanos = readFileSync(`/proc/${this.pid}/task/${this.pid}/schedstat`, 'utf8').split(' ', 1)[0];
    this.#entries.push({ at: performance.timeOrigin + performance.now(), millis: Number(nanos) / 1e6 });
  }

  /** Between two entries the time is taken to be used evenly. */
  #until(moment: number): number {
    const index = this.#entries.findIndex(({ at }) => at >= moment);
    const [before, after] = this.#entries.slice(Math.max(0, index - 1), index + 1);
    if (!before || !after) {
      throw new Error('The account does not cover the window of the profile.');
    }
    return before.millis + ((moment - before.at) / (after.at - before.at)) * (after.millis - before.millis);
  }
}
