/**
 * Runs tasks one after the other, or tells at once that one runs.
 *
 * @internal
 */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();
  #held = 0;

  /** Runs the task when those before it are done; that one of them has failed is its own caller's matter. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const release = this.#enter();
    const done = this.#last.then(task).finally(release);
    this.#last = done.catch(() => undefined);
    return done;
  }

  get isHeld(): boolean {
    return this.#held > 0;
  }

  /** @returns what releases it; undefined where somebody holds it. */
  tryAcquire(): (() => void) | undefined {
    return this.isHeld ? undefined : this.#enter();
  }

  #enter(): () => void {
    this.#held += 1;
    let isReleased = false;
    return () => {
      this.#held -= isReleased ? 0 : 1;
      isReleased = true;
    };
  }
}
