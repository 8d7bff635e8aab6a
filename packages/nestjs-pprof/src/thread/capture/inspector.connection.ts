import type { Session } from 'node:inspector';
import { InspectorUnavailableError } from '../../shared/agent.errors.js';
import { PprofError } from '../../shared/pprof.error.js';
import { AnswerDeadline } from './answer.deadline.js';
import { OwnStalls, SessionStalls } from './own.stalls.js';
import { WorkerStartsMemory } from '../../shared/shared.memory.js';
import type { SharedWithMain } from '../../shared/thread.protocol.js';
import { MAIN_THREAD, type ThreadInfo } from './thread.selection.js';
import {
  ConnectionClosedError,
  inspectorError,
  TERMINATED,
  ThreadUnreachableError,
} from './threads.errors.js';

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

/**
 * Ending one of these resets the coverage that Node counts in the same thread: from then on it is wrong, both ways, or by
 * function instead of by block.
 * https://github.com/nodejs/node/blob/main/deps/v8/src/inspector/v8-profiler-agent-impl.cc (`disable`)
 */
const PROFILER = 'Profiler.enable';
const SPOILS_COVERAGE: ReadonlySet<string> = new Set([PROFILER, 'Debugger.enable']);

/** V8's inspector of this process: the sessions that are open, and what may be done with them. @internal */
export class Inspector {
  readonly ownStalls = new OwnStalls();
  readonly workerStarts: WorkerStartsMemory;
  readonly #open = new Set<InspectorConnection>();
  readonly #count: Int32Array;
  #isEnding = false;

  constructor(
    private readonly shared: Pick<SharedWithMain, 'connections' | 'workerStarts' | 'inspector' | 'coverage'>,
  ) {
    this.#count = new Int32Array(shared.connections);
    this.workerStarts = new WorkerStartsMemory(shared.workerStarts);
  }

  /** @throws {InspectorUnavailableError} as main has told beforehand: Node aborts where it may not be inspected. */
  open(): InspectorConnection {
    if (!this.shared.inspector) {
      throw new InspectorUnavailableError();
    }
    if (this.#isEnding) {
      throw new ConnectionClosedError();
    }
    const connection = new InspectorConnection(this, () => {
      this.#open.delete(connection);
      this.#tellCount();
    });
    this.#open.add(connection);
    this.#tellCount();
    return connection;
  }

  /** Runs `use` with a connection that is closed afterwards, or at once with the signal. */
  async using<T>(use: (connection: InspectorConnection) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const connection = this.open();
    const close = () => connection.close();
    signal?.addEventListener('abort', close);
    try {
      return await use(connection);
    } finally {
      signal?.removeEventListener('abort', close);
      connection.close();
    }
  }

  /** Closes all sessions, whatever they are in the middle of, and opens no more: a capture may have another one to follow. */
  closeAll(): void {
    this.#isEnding = true;
    this.#open.forEach((connection) => {
      connection.close();
      connection.disconnect();
    });
  }

  /** @throws for what would spoil the coverage that the process counts, in whatever thread. */
  refuseUnderCoverage(method = PROFILER): void {
    if (this.shared.coverage && SPOILS_COVERAGE.has(method)) {
      throw new PprofError(
        409,
        "code coverage is on in this process (NODE_V8_COVERAGE or --experimental-test-coverage), and V8's profiler or debugger, " +
          'which this needs, would spoil its counts. profile?threads=main (while its event loop turns), heap, allocs, threadcreate, trace and heapsnapshot still ' +
          'work; for the others start the process without coverage',
      );
    }
  }

  /** The main thread has them closed when the process exits, or this thread is to end. */
  #tellCount(): void {
    Atomics.store(this.#count, 0, this.#open.size);
    Atomics.notify(this.#count, 0);
  }
}

/** Opens a session to each worker thread. */
const ATTACH = 'NodeWorker.enable';

/** Runs JavaScript in the main thread, by interrupt. */
const EVALUATE = 'Runtime.evaluate';

/**
 * A session with V8's inspector in the main thread, to be open only as long as it is used: a process that exits with one open
 * prints `Waiting for the debugger to disconnect...`.
 *
 * @internal
 */
export class InspectorConnection implements InspectorTarget {
  readonly thread = MAIN_THREAD;
  /** Not imported: there are builds of Node without the module. */
  readonly #session: Session = new (process.getBuiltinModule('node:inspector').Session)();
  /** An inspector session does not keep this thread's event loop turning, which its answers need. */
  readonly #keepAlive = setInterval(() => undefined, 1000);
  readonly #pending = new Set<(error: Error) => void>();
  readonly #beforeClose: Array<() => void> = [];
  readonly #onClose: Array<() => void> = [];
  #isClosed = false;
  #isDisconnected = false;
  /** Messages whose answers are seen to even where nobody waits for them any more: the session ends after them. */
  #unanswered = 0;
  readonly #stalls: SessionStalls;

  constructor(
    readonly inspector: Inspector,
    private readonly onDisconnect: () => void,
  ) {
    this.#stalls = new SessionStalls(inspector.ownStalls, (method, onAnswer) =>
      this.#session.post(method, {}, onAnswer),
    );
    this.#session.connectToMainThread();
  }

  on<P>(event: string, listener: (params: P) => void): void {
    this.#session.on(event, ({ params }: { params: P }) => {
      // What the main thread has sent until it learns of the end still arrives.
      // https://github.com/nodejs/node/blob/main/src/inspector/main_thread_interface.cc (`ThreadSafeDelegate`)
      if (!this.#isDisconnected) {
        listener(params);
      }
    });
  }

  /** Calls the listener while messages can still be sent. */
  beforeClose(listener: () => void): void {
    this.#beforeClose.push(listener);
  }

  onClose(listener: () => void): void {
    this.#onClose.push(listener);
  }

  post<T = unknown>(method: string, params: object = {}, deadlineMillis = DEADLINE_MILLIS): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        reject(new ConnectionClosedError());
        return;
      }
      this.inspector.refuseUnderCoverage(method);
      const fail = (error: Error) => {
        deadline.cancel();
        this.#pending.delete(fail);
        reject(error);
      };
      // The kernel's number of the main thread is that of the process.
      const deadline = new AnswerDeadline(process.pid, deadlineMillis, (silence) =>
        fail(new ThreadUnreachableError(this.thread.label, silence)),
      );
      this.#pending.add(fail);
      const mustBeSeenTo = method === ATTACH || method === EVALUATE;
      this.#unanswered += mustBeSeenTo ? 1 : 0;
      const onAnswer = this.#stalls.posting(method);
      this.#session.post(method, params, (error, result) => {
        onAnswer(error, result);
        if (method === EVALUATE && error && TERMINATED.test(error.message)) {
          this.send('Runtime.terminateExecution', {});
        }
        if (mustBeSeenTo) {
          this.#unanswered -= 1;
          this.#disconnectIfDone();
        }
        if (error) {
          fail(inspectorError(this.thread.label, method, error.message));
        } else {
          deadline.cancel();
          this.#pending.delete(fail);
          resolve(result as T);
        }
      });
    });
  }

  /** Sends a message that is carried out even where the connection is closed right afterwards. */
  send(method: string, params: object): void {
    this.#session.post(method, params);
  }

  /**
   * From now on nobody waits for an answer. Where sessions to workers are just being opened, or JavaScript is being run, this one
   * ends after that: until then it is not known which have to be ended with it, or what has been terminated.
   */
  close(): void {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    this.#disconnectIfDone();
    for (const fail of this.#pending) {
      fail(new ConnectionClosedError());
    }
    this.#onClose.forEach((listener) => listener());
  }

  /** Ends the session; `close` is for whoever uses it. */
  disconnect(): void {
    if (this.#isDisconnected) {
      return;
    }
    this.#isDisconnected = true;
    clearInterval(this.#keepAlive);
    this.#beforeClose.forEach((listener) => listener());
    this.#session.disconnect();
    this.onDisconnect();
  }

  #disconnectIfDone(): void {
    if (this.#isClosed && this.#unanswered === 0) {
      this.disconnect();
    }
  }
}
