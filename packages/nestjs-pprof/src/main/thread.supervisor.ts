import { messageOf } from '../shared/pprof.error.js';
import type { PprofAddress } from '../pprof.status.js';
import type { ProfilingThread, ThreadListeners } from './profiling.thread.js';

const FIRST_PAUSE_MILLIS = 1000;
const LONGEST_PAUSE_MILLIS = 60_000;

/** A thread that has served for so long is well again. More than the time between two scrapes, should they be the cause. */
const WELL_AFTER_MILLIS = 5 * 60_000;

interface SupervisorListeners extends Pick<ThreadListeners, 'onListening' | 'onWarning'> {
  onWaiting(reason: string): void;
  /** The thread has ended by itself, and is started again after a pause. `isFirst`: until then it was well. */
  onRestarting(reason: string, isFirst: boolean): void;
  /** It cannot start, and is not tried again. */
  onFailed(reason: string): void;
}

/** Starts a thread that reports to the listeners. Its parameter is the port that the thread before had. */
type StartThread = (
  previousPort: number | undefined,
  listeners: ThreadListeners,
) => Pick<ProfilingThread, 'stop'> & Partial<Pick<ProfilingThread, 'saveRecording'>>;

/**
 * Keeps a profiling thread running: one that ends by itself is started again, after pauses that grow. One that could not start
 * in the first place is not: what is wrong then stays wrong.
 *
 * @internal
 */
export class ThreadSupervisor {
  #pauseMillis = FIRST_PAUSE_MILLIS;
  #thread: ReturnType<StartThread> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #hasStarted = false;
  #isWell = true;
  #isStopped = false;
  #port: number | undefined;

  constructor(
    private readonly startThread: StartThread,
    private readonly listeners: SupervisorListeners,
  ) {}

  start(): void {
    try {
      this.#thread = this.startThread(this.#port, {
        onListening: (address) => this.#unlessStopped(() => this.#onListening(address)),
        onAddressTaken: (message) => this.#unlessStopped(() => this.#onAddressTaken(message)),
        onWarning: (message) => this.#unlessStopped(() => this.listeners.onWarning(message)),
        onListenFailed: (message) => this.#unlessStopped(() => this.#fail(message)),
        onEnd: (reason) => this.#unlessStopped(() => this.#onEnd(reason)),
      });
    } catch (error) {
      this.#onEnd(messageOf(error));
    }
  }

  saveRecording(cause: string): void {
    this.#thread?.saveRecording?.(cause);
  }

  /** Nothing is reported any more. Settles when the thread has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const stopped = this.#thread?.stop();
    clearTimeout(this.#timer);
    await stopped;
  }

  #onListening(address: PprofAddress): void {
    this.#hasStarted = true;
    this.#port = address.port;
    this.listeners.onListening(address);
    this.#timer = setTimeout(() => {
      this.#isWell = true;
      this.#pauseMillis = FIRST_PAUSE_MILLIS;
    }, WELL_AFTER_MILLIS).unref();
  }

  #onAddressTaken(message: string): void {
    this.#hasStarted = true;
    this.listeners.onWaiting(message);
  }

  #onEnd(reason: string): void {
    clearTimeout(this.#timer);
    this.#thread = undefined;
    if (!this.#hasStarted) {
      this.#fail(reason);
      return;
    }
    this.#timer = setTimeout(() => this.start(), this.#pauseMillis).unref();
    this.#pauseMillis = Math.min(2 * this.#pauseMillis, LONGEST_PAUSE_MILLIS);
    const isFirst = this.#isWell;
    this.#isWell = false;
    this.listeners.onRestarting(reason, isFirst);
  }

  #fail(reason: string): void {
    void this.stop();
    this.listeners.onFailed(reason);
  }

  #unlessStopped(report: () => void): void {
    if (!this.#isStopped) {
      report();
    }
  }
}
