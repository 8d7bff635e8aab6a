import { untilAborted } from './single.flight.js';
import type { InspectorConnection, InspectorTarget } from './inspector.connection.js';
import type { MomentDeadline } from './moment.deadline.js';
import {
  Answers,
  type FromThreads,
  MAIN_THREAD,
  type ThreadInfo,
  type ThreadSelection,
} from './thread.selection.js';
import { WorkerTargets } from './worker.targets.js';

interface Worker {
  readonly target: InspectorTarget;
}

/** Called with each worker there is and each that starts. @internal */
export type OnWorker<W> = (worker: W) => void;

/** Use of the session to the workers. @internal */
export interface WorkersInUse {
  /** Settles when those there are have been told of. */
  readonly told: Promise<void>;
  /** The workers that run now. */
  readonly threads: ThreadInfo[];
  release(): void;
}

/** Open until its last user has released it. @internal */
export abstract class SharedSession {
  #users = 0;
  #isOpen = true;

  constructor(protected readonly connection: InspectorConnection) {
    connection.onClose(() => (this.#isOpen = false));
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  acquire(): void {
    this.#users += 1;
  }

  release(): void {
    this.#users -= 1;
    if (this.#users === 0) {
      this.connection.close();
    }
  }
}

/** A session to the workers, for each of which it has one `W`. @internal */
export class WorkersSession<W> extends SharedSession {
  readonly #workers = new Map<InspectorTarget, W>();
  readonly #listeners = new Set<OnWorker<W>>();
  readonly #attached: Promise<WorkerTargets>;
  #targets: WorkerTargets | undefined;

  /** @param isKept whether it stays open for as long as there are workers, and until that is known */
  constructor(connection: InspectorConnection, make: (target: InspectorTarget) => W, isKept = false) {
    super(connection);
    const keep = () => isKept && this.acquire();
    const drop = () => isKept && this.release();
    const onWorker = (target: InspectorTarget) => {
      const worker = make(target);
      keep();
      this.#workers.set(target, worker);
      this.#listeners.forEach((listener) => listener(worker));
    };
    keep();
    this.#attached = WorkerTargets.attach(connection, onWorker, (target) => {
      if (this.#workers.delete(target)) {
        drop();
      }
    });
    this.#attached.then(
      (targets) => {
        this.#targets = targets;
        return drop();
      },
      // Whoever comes next has a session of its own.
      () => connection.close(),
    );
  }

  /** Whether there are any, as soon as that is known. */
  async hasWorkers(): Promise<boolean> {
    await this.#attached.catch(() => undefined);
    return this.isOpen && this.#targets !== undefined && this.#targets.threads.length > 0;
  }

  use(onWorker: OnWorker<W>): WorkersInUse {
    this.acquire();
    this.#listeners.add(onWorker);
    this.#workers.forEach((worker) => onWorker(worker));
    const threads = () => this.#targets?.threads ?? [];
    return {
      told: this.#attached.then((targets) => targets.matured()),
      get threads() {
        return threads();
      },
      release: () => {
        this.#listeners.delete(onWorker);
        this.release();
      },
    };
  }
}

/** @internal */
export type Question<W, T> = (
  worker: W,
  workers: () => readonly ThreadInfo[],
  signal: AbortSignal,
) => Promise<T>;

/**
 * Asks every worker thread that is selected, all at once. One that ends meanwhile is not missed.
 *
 * @param use begins to use the session to the workers
 * @param limits `moment` is until when they are waited for, without it each as long as it takes; `untilEnd` settles when those
 *   that start are not asked any more, without it as soon as those there are have been asked
 * @throws the signal's reason, as soon as it fires.
 * @internal
 */
export async function askWorkers<W extends Worker, T>(
  use: (onWorker: OnWorker<W>) => WorkersInUse,
  selection: ThreadSelection,
  ask: Question<W, T>,
  limits: {
    readonly signal: AbortSignal;
    readonly moment?: MomentDeadline | undefined;
    readonly untilEnd?: () => Promise<unknown>;
  },
): Promise<FromThreads<T>> {
  const { signal, moment, untilEnd } = limits;
  signal.throwIfAborted();
  const answers = new Answers<T>(selection);
  const asked: Array<Promise<void>> = [];
  let workers: WorkersInUse | undefined;
  let isOver = false;
  const running = () => workers?.threads ?? [];
  const answerOf = (thread: ThreadInfo, answer: (limited: AbortSignal) => Promise<T>) =>
    moment ? moment.answerOf(thread, answer, running) : untilAborted(signal, answer(signal));
  try {
    try {
      workers = use((worker) => {
        const { thread } = worker.target;
        const answer = () => answerOf(thread, (limited) => ask(worker, running, limited));
        if (!isOver) {
          asked.push(answers.take(thread, answer));
        }
      });
      const { told } = workers;
      await (moment ? moment.within(MAIN_THREAD, () => told) : untilAborted(signal, told));
      await untilEnd?.();
    } catch (error) {
      signal.throwIfAborted();
      answers.skipWorkers(error);
    }
    isOver = true;
    await Promise.all(asked);
    signal.throwIfAborted();
  } finally {
    workers?.release();
  }
  return answers;
}
