/** After a task, so many times as long as it took: it has a fifth of the time at most. */
const REST = 4;

/**
 * Runs tasks one at a time, with a rest after each: what stops the application for a moment does not stop it for good,
 * however often it is asked for.
 *
 * @internal
 */
export class DutyCycle {
  #rested: Promise<unknown> = Promise.resolve();

  /** @param longestRestMillis bounds how long the next one waits where a task has taken long. */
  constructor(private readonly longestRestMillis: number) {}

  /** @returns what the task does, or rejects as it does. */
  run<T>(task: () => T | Promise<T>): Promise<T> {
    let rest = 0;
    const done = this.#rested.then(async () => {
      const begunAt = performance.now();
      try {
        return await task();
      } finally {
        rest = Math.min(REST * (performance.now() - begunAt), this.longestRestMillis);
      }
    });
    this.#rested = done
      .catch(() => undefined)
      .then(() => new Promise<void>((resolve) => setTimeout(resolve, rest).unref()));
    return done;
  }
}
