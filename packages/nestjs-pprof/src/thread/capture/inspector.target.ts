import type { ThreadInfo } from './thread.info.js';

/** A thread that V8's inspector serves, in C++ and by interrupt, whatever the thread is doing. @internal */
export interface InspectorTarget {
  readonly thread: ThreadInfo;
  /**
   * @throws {ThreadUnreachableError} when no answer comes before the deadline.
   * @throws {ThreadEndedError} when the thread has ended.
   */
  post<T = unknown>(method: string, params?: object, deadlineMillis?: number): Promise<T>;
  /** Calls the listener with the parameters of each such event, until the session ends. */
  on<P>(event: string, listener: (params: P) => void): void;
}

/** How long a command may take; only a native call can hold it off for longer than some milliseconds. @internal */
export const DEADLINE_MILLIS = 4000;
