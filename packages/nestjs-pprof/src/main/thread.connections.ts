import { ownMillis } from '../shared/own.clocks.js';

/** The profiling thread needs a millisecond or two, and more where others are busy; what is left open then is put up with. */
const LONGEST_HOLD_UP_MILLIS = 150;

/** It may have no processor for a while. */
const LONGEST_WAIT_MILLIS = 1000;

/**
 * The inspector sessions of the profiling thread, as it counts them itself. Node prints `Waiting for the debugger to disconnect...` for
 * those that are open when a process exits; and those to worker threads stay open, with the profilers that run in them, when the
 * profiling thread is ended.
 *
 * @internal
 */
export class ThreadConnections {
  /** Where the thread counts those that are open. */
  readonly memory = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  readonly #count = new Int32Array(this.memory);

  /** @param askToClose tells the thread, which opens none from then on */
  constructor(private readonly askToClose: () => void) {}

  get #open(): number {
    return Atomics.load(this.#count, 0);
  }

  /** Settles when all are closed, or after some time. The timers of an application may be others than Node's: none is needed. */
  async close(): Promise<void> {
    for (const { open, remaining } of this.#closing(LONGEST_WAIT_MILLIS)) {
      await Atomics.waitAsync(this.#count, 0, open, remaining).value;
    }
  }

  /** For a process that exits: holds the thread up until all are closed, or for a moment. */
  closeNow(): void {
    for (const { open, remaining } of this.#closing(LONGEST_HOLD_UP_MILLIS)) {
      Atomics.wait(this.#count, 0, open, remaining);
    }
  }

  /** Has them closed. Yields how many are open, and the milliseconds that are left to wait for a change, while there are both. */
  *#closing(millis: number): Generator<{ readonly open: number; readonly remaining: number }> {
    if (this.#open > 0) {
      this.askToClose();
    }
    const deadline = ownMillis() + millis;
    for (let open = this.#open; open > 0; open = this.#open) {
      const remaining = deadline - ownMillis();
      if (remaining <= 0) {
        return;
      }
      yield { open, remaining };
    }
  }
}
