import { ownMillis } from '../shared/own.clocks.js';
import type { SaveRecording } from '../shared/thread.protocol.js';
import type { Agent } from './agent.js';

/** What cannot be written in that time is given up. The end of the process is held up by this, and by what `closeNow` waits for. */
const LONGEST_MILLIS = 180;

/** An application that logs an exception and exits does so within this time. */
const EXITS_WITHIN_MILLIS = 10_000;

const UNCAUGHT = 'uncaughtExceptionMonitor';

/**
 * Has the profiling thread write what the flight recorder has when the process dies. It listens where that changes nothing: to
 * exceptions that nobody has caught, as `uncaughtExceptionMonitor`, and to the exit that follows.
 *
 * @internal
 */
export class LastRecording {
  #uncaught: { readonly name: string; readonly at: number } | undefined;
  #isSaved = false;

  constructor(
    private readonly agent: Agent,
    private readonly tell: (message: SaveRecording) => void,
    private readonly clock: () => number = ownMillis,
  ) {
    process.on(UNCAUGHT, this.#onUncaught);
  }

  stop(): void {
    process.off(UNCAUGHT, this.#onUncaught);
  }

  readonly #onUncaught = (error: unknown): void => {
    // Its message may hold anything.
    const name = error instanceof Error ? error.name : typeof error;
    this.#uncaught = { name, at: this.clock() };
  };

  /** One that the application has caught by `uncaughtException`, and lived on with, is no reason. */
  onExit(): void {
    if (this.#uncaught && this.clock() - this.#uncaught.at < EXITS_WITHIN_MILLIS) {
      this.save(`an uncaught ${this.#uncaught.name}`);
    }
  }

  /** Returns when it is written, or the time for it is over. */
  save(cause: string): void {
    if (this.#isSaved) {
      return;
    }
    this.#isSaved = true;
    const deadline = this.clock() + LONGEST_MILLIS;
    const written = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    this.tell({
      type: 'save-recording',
      cause,
      segment: this.agent.takeLastSegment(),
      written: written.buffer,
    });
    Atomics.wait(written, 0, 0, Math.max(0, deadline - this.clock()));
  }
}
