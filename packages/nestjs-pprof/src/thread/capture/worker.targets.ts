import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { monotonicMillis } from '../../shared/agent.protocol.js';
import type { WorkerStartsMemory } from '../../shared/shared.memory.js';
import { DEADLINE_MILLIS, type InspectorConnection, type InspectorTarget } from './inspector.connection.js';
import { AnswerDeadline } from './answer.deadline.js';
import { kernelThreadsOf } from './kernel.threads.js';
import { type ThreadInfo, workerFromTitle } from './thread.selection.js';
import {
  inspectorError,
  ShortLivedWorkersError,
  ThreadEndedError,
  ThreadUnreachableError,
} from './threads.errors.js';

// https://github.com/nodejs/node/blob/main/src/inspector/node_protocol.pdl (domain NodeWorker)
interface AttachedToWorker {
  readonly sessionId: string;
  readonly workerInfo: { readonly title: string };
}
interface ReceivedMessage {
  readonly sessionId: string;
  readonly message: string;
}
interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}
interface WorkerEvent {
  readonly method: string;
  readonly params: unknown;
}

/**
 * How old a worker must be before it is interrupted. Node 22 has a fatal check for workers that are terminated just as they begin to
 * evaluate a module with top-level await (`(location_) != nullptr` in V8's `SourceTextModule::ExecuteAsyncModule`), also without an
 * inspector: to hold a worker up in that moment would make it longer.
 */
const MIN_AGE_MILLIS = 250;

/** One that the main thread has not noted, such as a worker of a worker, may have started just now, as far as is known. */
function startOf(id: number, workerStarts: WorkerStartsMemory): number {
  const noted = workerStarts.startOf(id);
  if (noted !== undefined) {
    return noted;
  }
  const now = monotonicMillis();
  workerStarts.note(id, now);
  return now;
}

/** The application's worker threads, as the main thread's inspector reaches them. @internal */
export class WorkerTargets {
  readonly #targets = new Map<string, WorkerTarget>();
  /** Every session of this connection, also those of workers that are none of the application's. */
  readonly #sessionIds = new Set<string>();
  readonly #maturing = new Set<Promise<void>>();
  /** Of workers that have started while the connection was open, by session. */
  readonly #startsSeen = new Map<string, number>();
  /** Which workers have started when. */
  readonly #starts: WorkerStartsMemory;
  #isEnabled = false;
  readonly #closed = new AbortController();
  #hasGivenUp = false;

  private constructor(
    private readonly connection: InspectorConnection,
    private readonly onWorker: (target: InspectorTarget) => void,
    private readonly onEnded: (target: InspectorTarget) => void,
  ) {
    this.#starts = connection.inspector.workerStarts;
    setMaxListeners(0, this.#closed.signal);
  }

  /**
   * @param onWorker called for every worker there is and, as long as the connection is open, for every one that starts;
   *   for a young one as soon as it may be interrupted. Settles when it has been called for those there are.
   * @param onEnded called for each of them that has ended.
   * @throws {ShortLivedWorkersError} where workers come and go so fast that attaching to them is not safe.
   * @throws {ThreadUnreachableError} while the main thread is in a native call: workers are reached through it.
   */
  static async attach(
    connection: InspectorConnection,
    onWorker: (target: InspectorTarget) => void,
    onEnded: (target: InspectorTarget) => void = () => undefined,
  ): Promise<WorkerTargets> {
    const workers = new WorkerTargets(connection, onWorker, onEnded);
    if (workers.#isRisky) {
      throw new ShortLivedWorkersError();
    }
    try {
      await workers.#enable();
    } catch (error) {
      // The connection was closed; that is not why.
      throw workers.#hasGivenUp ? new ShortLivedWorkersError() : error;
    }
    return workers;
  }

  /**
   * Node aborts where main attaches to a worker whose inspector is just being destroyed (`MainThreadInterface::Post`, called by
   * `WorkerManager::WorkerStarted`; seen on Node 20, once in some thousand workers that ended at once). Every open session exposes
   * each start of a worker to that. https://github.com/nodejs/node/blob/v20.x/src/inspector/main_thread_interface.cc
   */
  get #isRisky(): boolean {
    return this.#starts.hasShortLived(monotonicMillis());
  }

  /** The workers that run now. */
  get threads(): ThreadInfo[] {
    return [...this.#targets.values()].map(({ thread }) => thread);
  }

  /** Settles when those that are too young now have been told of. */
  async matured(): Promise<void> {
    await Promise.all(this.#maturing);
  }

  async #enable(): Promise<void> {
    const { connection } = this;
    connection.on<AttachedToWorker>('NodeWorker.attachedToWorker', (event) => this.#attached(event));
    connection.on<{ sessionId: string }>('NodeWorker.detachedFromWorker', ({ sessionId }) => {
      this.#sessionIds.delete(sessionId);
      const target = this.#targets.get(sessionId);
      const startedAt = this.#startsSeen.get(sessionId);
      if (startedAt !== undefined && this.#startsSeen.delete(sessionId)) {
        // The main thread learns of the end of its own workers, and not of theirs.
        this.#starts.noteEnd(startedAt, monotonicMillis());
      }
      if (target) {
        target.end();
        this.#targets.delete(sessionId);
        this.onEnded(target);
      }
    });
    connection.on<ReceivedMessage>('NodeWorker.receivedMessageFromWorker', ({ sessionId, message }) => {
      this.#targets.get(sessionId)?.received(JSON.parse(message) as Answer | WorkerEvent);
    });
    connection.beforeClose(() => this.#detachAll());
    connection.onClose(() => {
      this.#closed.abort();
      this.#targets.forEach((target) => target.end());
    });
    await connection.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
    this.#isEnabled = true;
    await this.matured();
  }

  /**
   * Node forgets to end a worker's session when the one to the main thread ends: each would stay in the worker, with its
   * profiler, which holds half a megabyte (seen on Node 20 to 26).
   */
  #detachAll(): void {
    this.#sessionIds.forEach((sessionId) => this.connection.send('NodeWorker.detach', { sessionId }));
    this.#sessionIds.clear();
  }

  #attached({ sessionId, workerInfo }: AttachedToWorker): void {
    this.#sessionIds.add(sessionId);
    if (this.#closed.signal.aborted) {
      return;
    }
    const thread = workerFromTitle(workerInfo.title);
    // The profiling thread is one of the process's workers, too.
    if (!thread || thread.id === threadId) {
      return;
    }
    if (this.#isRisky) {
      this.#giveUp();
      return;
    }
    const target = new WorkerTarget(thread, sessionId, this.connection, () =>
      kernelThreadsOf(this.threads)?.get(thread.id),
    );
    this.#targets.set(sessionId, target);
    if (this.#isEnabled) {
      this.#startsSeen.set(sessionId, monotonicMillis());
    }
    const youngFor = startOf(thread.id, this.#starts) + MIN_AGE_MILLIS - monotonicMillis();
    if (youngFor <= 0) {
      this.onWorker(target);
      return;
    }
    const maturing = this.#matureIn(youngFor, sessionId, target);
    this.#maturing.add(maturing);
    void maturing.finally(() => this.#maturing.delete(maturing));
  }

  /** Workers have begun to come and go: each that starts while the session is open may be the one that ends too soon. */
  #giveUp(): void {
    this.#hasGivenUp = true;
    this.#targets.forEach((target) => target.end(new ShortLivedWorkersError()));
    this.connection.close();
  }

  async #matureIn(millis: number, sessionId: string, target: WorkerTarget): Promise<void> {
    await sleep(millis, undefined, { signal: this.#closed.signal }).catch(() => undefined);
    if (this.#closed.signal.aborted || this.#targets.get(sessionId) !== target) {
      return;
    }
    if (this.#isRisky) {
      this.#giveUp();
    } else {
      this.onWorker(target);
    }
  }
}

class WorkerTarget implements InspectorTarget {
  readonly #pending = new Map<number, (answer: Answer | Error) => void>();
  readonly #listeners = new Map<string, (params: unknown) => void>();
  #nextId = 1;
  /** Why nothing can be asked any more. */
  #end: Error | undefined;

  constructor(
    readonly thread: ThreadInfo,
    private readonly sessionId: string,
    private readonly connection: InspectorConnection,
    private readonly kernelThread: () => number | undefined,
  ) {}

  post<T = unknown>(method: string, params: object = {}, deadlineMillis = DEADLINE_MILLIS): Promise<T> {
    const id = this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      this.connection.inspector.refuseUnderCoverage(method);
      const settle = (answer: Answer | Error) => {
        deadline?.cancel();
        this.#pending.delete(id);
        if (answer instanceof Error) {
          reject(answer);
        } else if (answer.error) {
          reject(inspectorError(this.thread.label, method, answer.error.message));
        } else {
          resolve(answer.result as T);
        }
      };
      let deadline: AnswerDeadline | undefined;
      this.#pending.set(id, settle);
      if (this.#end) {
        settle(this.#end);
        return;
      }
      const { sessionId } = this;
      const message = JSON.stringify({ id, method, params });
      // Not before: until then it is the main thread, which hands it over, that does not answer.
      const startClock = (): undefined => {
        if (this.#pending.has(id)) {
          deadline = new AnswerDeadline(this.kernelThread, deadlineMillis, (silence) =>
            settle(new ThreadUnreachableError(this.thread.label, silence)),
          );
        }
      };
      this.connection
        .post('NodeWorker.sendMessageToWorker', { sessionId, message }, deadlineMillis)
        .then(startClock, (error: Error) => settle(this.#end ?? error));
    });
  }

  on<P>(event: string, listener: (params: P) => void): void {
    this.#listeners.set(event, listener as (params: unknown) => void);
  }

  received(message: Answer | WorkerEvent): void {
    if ('id' in message) {
      this.#pending.get(message.id)?.(message);
    } else {
      this.#listeners.get(message.method)?.(message.params);
    }
  }

  /** Only the first reason counts. */
  end(reason: Error = new ThreadEndedError(this.thread.label)): void {
    this.#end ??= reason;
    for (const settle of this.#pending.values()) {
      settle(this.#end);
    }
  }
}
