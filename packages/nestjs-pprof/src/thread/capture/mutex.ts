/** After a task, so many times as long as it took: it has a fifth of the time at most. */
const COOLDOWN_FACTOR = 4;

/**
 * Runs tasks one after the other, or tells at once that one runs. With a cooldown after each, what stops the application for a
 * moment does not stop it for good, however often it is asked for.
 *
 * @internal
 */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();
  #held = 0;

  /** @param longestCooldownMillis bounds how long the next task waits where one has taken long; 0 for no cooldown */
  constructor(private readonly longestCooldownMillis = 0) {}

  /** Runs the task when those before it are done; that one of them has failed is its own caller's matter. */
  run<T>(task: () => T | Promise<T>): Promise<T> {
    const release = this.#enter();
    let begunAt = 0;
    const done = this.#last
      .then(() => {
        begunAt = performance.now();
        return task();
      })
      .finally(release);
    const coolDown = () => this.#coolDown(COOLDOWN_FACTOR * (performance.now() - begunAt));
    this.#last = done.then(coolDown, coolDown);
    return done;
  }

  /** @returns what releases it; undefined where somebody holds it. */
  tryAcquire(): (() => void) | undefined {
    return this.#held > 0 ? undefined : this.#enter();
  }

  #enter(): () => void {
    this.#held += 1;
    let isReleased = false;
    return () => {
      this.#held -= isReleased ? 0 : 1;
      isReleased = true;
    };
  }

  #coolDown(millis: number): Promise<void> | undefined {
    const bounded = Math.min(millis, this.longestCooldownMillis);
    return bounded > 0 ? new Promise((resolve) => setTimeout(resolve, bounded).unref()) : undefined;
  }
}
