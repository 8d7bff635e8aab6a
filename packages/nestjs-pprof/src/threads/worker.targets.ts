import { threadId } from 'node:worker_threads';
import type { InspectorConnection } from './inspector.connection.js';
import { DEADLINE_MILLIS, type InspectorTarget } from './inspector.target.js';
import { type ThreadInfo, workerFromTitle } from './thread.info.js';
import { ThreadEndedError, ThreadUnreachableError } from './threads.errors.js';

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
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** The application's worker threads, as the main thread's inspector reaches them. @internal */
export class WorkerTargets {
  readonly #targets = new Map<string, WorkerTarget>();

  private constructor() {}

  /**
   * @param onWorker called for every worker there is and, as long as the connection is open, for every one that starts.
   * @param onLastEnded called whenever no worker is left.
   * @throws {ThreadUnreachableError} while the main thread is in a native call: the way to the workers leads through it.
   */
  static async attach(
    connection: InspectorConnection,
    onWorker: (target: InspectorTarget) => void,
    onLastEnded?: () => void,
  ): Promise<WorkerTargets> {
    const workers = new WorkerTargets();
    connection.on<AttachedToWorker>('NodeWorker.attachedToWorker', ({ sessionId, workerInfo }) => {
      const thread = workerFromTitle(workerInfo.title);
      // The profiling thread is one of the process's workers, too.
      if (thread && thread.id !== threadId) {
        const target = new WorkerTarget(thread, sessionId, connection);
        workers.#targets.set(sessionId, target);
        onWorker(target);
      }
    });
    connection.on<{ sessionId: string }>('NodeWorker.detachedFromWorker', ({ sessionId }) => {
      workers.#targets.get(sessionId)?.ended();
      if (workers.#targets.delete(sessionId) && workers.#targets.size === 0) {
        onLastEnded?.();
      }
    });
    connection.on<ReceivedMessage>('NodeWorker.receivedMessageFromWorker', ({ sessionId, message }) => {
      workers.#targets.get(sessionId)?.received(JSON.parse(message) as Answer);
    });
    connection.onClose(() => workers.#targets.forEach((target) => target.ended()));
    await connection.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
    return workers;
  }

  /** The workers that run now. */
  get threads(): ThreadInfo[] {
    return [...this.#targets.values()].map(({ thread }) => thread);
  }
}

class WorkerTarget implements InspectorTarget {
  readonly #pending = new Map<number, (answer: Answer | Error) => void>();
  #nextId = 1;
  #ended = false;

  constructor(
    readonly thread: ThreadInfo,
    private readonly sessionId: string,
    private readonly connection: InspectorConnection,
  ) {}

  post<T = unknown>(method: string, params: object = {}, deadlineMillis = DEADLINE_MILLIS): Promise<T> {
    const id = this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      const settle = (answer: Answer | Error) => {
        clearTimeout(timer);
        this.#pending.delete(id);
        if (answer instanceof Error) {
          reject(answer);
        } else if (answer.error) {
          reject(new Error(`${method}: ${answer.error.message}`));
        } else {
          resolve(answer.result as T);
        }
      };
      const giveUp = () => settle(new ThreadUnreachableError(this.thread.label, deadlineMillis));
      const timer = setTimeout(giveUp, deadlineMillis);
      this.#pending.set(id, settle);
      if (this.#ended) {
        settle(new ThreadEndedError(this.thread.label));
        return;
      }
      const { sessionId } = this;
      const message = JSON.stringify({ id, method, params });
      this.connection
        .post('NodeWorker.sendMessageToWorker', { sessionId, message }, deadlineMillis)
        .catch((error: Error) => settle(this.#ended ? new ThreadEndedError(this.thread.label) : error));
    });
  }

  received(answer: Answer): void {
    // Without an id it is an event; none is listened to.
    if (answer.id !== undefined) {
      this.#pending.get(answer.id)?.(answer);
    }
  }

  ended(): void {
    this.#ended = true;
    for (const settle of this.#pending.values()) {
      settle(new ThreadEndedError(this.thread.label));
    }
  }
}
