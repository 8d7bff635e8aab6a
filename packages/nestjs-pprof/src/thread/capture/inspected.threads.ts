import { monotonicMillis } from '../../shared/agent.protocol.js';
import { lastBeatIn } from '../../shared/shared.memory.js';
import { lastTurnIn } from './last.turn.js';
import { untilAborted } from './single.flight.js';
import type { Inspector, InspectorConnection, InspectorTarget } from './inspector.connection.js';
import type { MomentDeadline } from './moment.deadline.js';
import { type FromThreads, MAIN_THREAD, type ThreadInfo, type ThreadSelection } from './thread.selection.js';
import { NoThreadError } from './threads.errors.js';
import { V8Sampler } from './v8.sampler.js';
import { WorkerTargets } from './worker.targets.js';
import {
  askWorkers,
  type OnWorker,
  type Question,
  SharedSession,
  WorkersSession,
  type WorkersInUse,
} from './workers.session.js';

/** How long V8's list of the code of a stuck thread is kept after its last use; and how long in all. */
const KEPT_AFTER_USE_MILLIS = 120_000;
const KEPT_MILLIS = 600_000;

/** How often it is seen to whether it still is stuck. */
const WATCH_MILLIS = 500;

/**
 * The inspector sessions that captures share, one to main and one to the workers: open while somebody uses them, and for as long
 * as what V8 has learnt of a stuck main thread is kept.
 *
 * @internal
 */
export class InspectedThreads {
  #main: MainSession | undefined;
  #workers: WorkersSession<V8Sampler> | undefined;

  /** @param heartbeat where the main thread notes that its event loop turns */
  constructor(
    readonly inspector: Inspector,
    private readonly heartbeat: SharedArrayBuffer,
  ) {}

  /** When the event loop of the main thread was last known to turn, milliseconds since the epoch. */
  get lastTurn(): number {
    return lastTurnIn(this.heartbeat);
  }

  /** @throws what `use` does, InspectorUnavailableError, or the signal's reason as soon as it fires. */
  async useMain<T>(use: (sampler: V8Sampler) => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    if (!this.#main?.isOpen) {
      this.#main = new MainSession(this.inspector.open(), this.heartbeat);
    }
    const session = this.#main;
    session.acquire();
    try {
      return await untilAborted(signal, use(session.sampler));
    } finally {
      session.keepWhileStuck();
      session.release();
    }
  }

  useWorkers(onWorker: OnWorker<V8Sampler>): WorkersInUse {
    if (!this.#workers?.isOpen) {
      this.#workers = new WorkersSession(this.inspector.open(), (target) => new V8Sampler(target));
    }
    return this.#workers.use(onWorker);
  }

  /** See `askWorkers`. */
  askWorkers<T>(
    selection: ThreadSelection,
    ask: Question<V8Sampler, T>,
    signal: AbortSignal,
    moment?: MomentDeadline,
  ): Promise<FromThreads<T>> {
    return askWorkers((onWorker) => this.useWorkers(onWorker), selection, ask, { signal, moment });
  }

  /** The worker threads there are; they are not interrupted. */
  listWorkers(signal: AbortSignal, moment?: MomentDeadline): Promise<FromThreads<ThreadInfo>> {
    return this.askWorkers('all', ({ target }) => Promise.resolve(target.thread), signal, moment);
  }

  /** Uses the one thread. @throws {NoThreadError} where there is none of this id, and what `use` and the inspector do. */
  async useThread<T>(
    id: number,
    use: (sampler: V8Sampler, workers: () => readonly ThreadInfo[]) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    if (id === MAIN_THREAD.id) {
      return this.useMain((sampler) => use(sampler, () => []), signal);
    }
    signal.throwIfAborted();
    let found: V8Sampler | undefined;
    const workers = this.useWorkers((sampler) => {
      found = sampler.target.thread.id === id ? sampler : found;
    });
    try {
      await untilAborted(signal, workers.told);
      if (!found) {
        throw new NoThreadError([]);
      }
      const used = use(found, () => workers.threads);
      return await untilAborted(signal, used);
    } finally {
      workers.release();
    }
  }

  /** The same in a session of its own, which ends with the use, or at once with the signal. */
  useAlone<T>(id: number, use: (target: InspectorTarget) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.inspector.using(
      async (connection) => use(id === MAIN_THREAD.id ? connection : await workerWith(id, connection)),
      signal,
    );
  }
}

/** @throws {NoThreadError} where there is none of this id. */
async function workerWith(id: number, connection: InspectorConnection): Promise<InspectorTarget> {
  let found: InspectorTarget | undefined;
  await WorkerTargets.attach(connection, (target) => {
    found = target.thread.id === id ? target : found;
  });
  if (!found) {
    throw new NoThreadError([]);
  }
  return found;
}

class MainSession extends SharedSession {
  readonly sampler: V8Sampler;
  #keptUseAt: number | undefined;

  constructor(
    connection: InspectorConnection,
    private readonly heartbeat: SharedArrayBuffer,
  ) {
    super(connection);
    this.sampler = new V8Sampler(connection);
  }

  /** Keeps the session where its sampler has something to keep. */
  keepWhileStuck(): void {
    if (!this.sampler.keepsCode) {
      return;
    }
    const isKept = this.#keptUseAt !== undefined;
    this.#keptUseAt = monotonicMillis();
    if (isKept) {
      return;
    }
    this.acquire();
    const lastBeat = lastBeatIn(this.heartbeat);
    const until = monotonicMillis() + KEPT_MILLIS;
    const timer = setInterval(() => {
      const now = monotonicMillis();
      const isOver =
        lastBeatIn(this.heartbeat) !== lastBeat ||
        now > Math.min(until, (this.#keptUseAt ?? now) + KEPT_AFTER_USE_MILLIS);
      if (isOver || !this.isOpen) {
        clearInterval(timer);
        this.#keptUseAt = undefined;
        this.sampler.dropCode();
        this.release();
      }
    }, WATCH_MILLIS);
  }
}
