import { PACKAGE } from '../shared/package.identity.js';
import type { FromThread } from '../shared/thread.protocol.js';
import { SilentThreadError } from '../pprof.errors.js';

/** Long, as a thread needs a second of CPU time at the most, and a container may have a fiftieth of a processor. */
const PATIENCE_SECONDS = 30;

/**
 * Waits for the profiling thread to say that it is ours, and gives it up when it does not. Seconds are counted in turns of
 * this thread's event loop: where that is starved or stopped, the other may be, too.
 *
 * @internal
 */
export class ThreadGreeting {
  readonly #timer: NodeJS.Timeout;
  #secondsLeft = PATIENCE_SECONDS;
  #hasCome = false;

  constructor(giveUp: (error: SilentThreadError) => void) {
    this.#timer = setInterval(() => {
      this.#secondsLeft -= 1;
      if (this.#secondsLeft === 0) {
        this.stop();
        giveUp(new SilentThreadError(PATIENCE_SECONDS));
      }
    }, 1000);
    this.#timer.unref();
  }

  /** Whether the message is to be looked at: it comes from our own program, which has introduced itself before. */
  admits(message: FromThread): boolean {
    if (!this.#hasCome && message.type === 'hello') {
      this.#hasCome = message.name === PACKAGE.name && message.version === PACKAGE.version;
      if (this.#hasCome) {
        this.stop();
      }
    }
    return this.#hasCome;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
