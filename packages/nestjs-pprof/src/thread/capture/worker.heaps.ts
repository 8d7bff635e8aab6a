import { setTimeout as sleep } from 'node:timers/promises';
import type { HeapSampling } from '../../shared/agent.protocol.js';
import { Answers, type FromThreads } from './thread.results.js';
import type { Inspector, InspectorConnection, InspectorTarget } from './inspector.connection.js';
import type { AllocationsRequest, ThreadAllocations, ThreadHeap } from './thread.heap.js';
import type { MomentDeadline } from './moment.deadline.js';
import { isSelected, MAIN_THREAD, selectsWorkers, type ThreadSelection } from './thread.info.js';
import { ThreadEndedError } from './threads.errors.js';
import { WorkerHeap } from './worker.heap.js';
import { WorkerTargets } from './worker.targets.js';

/**
 * The heaps of the worker threads, sampled from the first time they are asked for: V8 stops what an inspector session
 * has started when the session ends, so that one stays open for as long as there are workers.
 *
 * @internal
 */
export class WorkerHeaps {
  #connection: InspectorConnection | undefined;
  #targets: WorkerTargets | undefined;
  #workers = new Map<InspectorTarget, WorkerHeap>();
  #attaching: Promise<void> | undefined;
  /** Captures of allocations that run, each to be told of workers that start meanwhile. */
  readonly #captures = new Set<(worker: WorkerHeap) => void>();

  /** @param isLive whether live objects are sampled; else the sampling is for captures of allocations alone */
  constructor(
    private readonly inspector: Inspector,
    private readonly sampling: HeapSampling,
    private readonly isLive: boolean,
  ) {}

  /** @param moment until when they are waited for; without, each as long as it takes */
  async sample(
    selection: ThreadSelection,
    gc: boolean,
    moment?: MomentDeadline,
  ): Promise<FromThreads<ThreadHeap>> {
    if (!this.isLive) {
      return { results: [], skipped: [] };
    }
    const all = () => this.#targets?.threads ?? [];
    const sample = (worker: WorkerHeap) =>
      moment ? moment.answerOf(worker.target.thread, () => worker.sample(gc), all) : worker.sample(gc);
    return this.#ask(
      selection,
      async (ask) => {
        await Promise.all([...this.#workers.values()].map((worker) => ask(worker, () => sample(worker))));
      },
      moment,
    );
  }

  /** Whether there are any that can be reached. */
  async hasWorkers(): Promise<boolean> {
    await this.#attaching?.catch(() => undefined);
    return this.#targets !== undefined && this.#targets.threads.length > 0;
  }

  /** Includes workers that start meanwhile, from then on. @throws the signal's reason. */
  async captureAllocations(request: AllocationsRequest): Promise<FromThreads<ThreadAllocations>> {
    const { threads, seconds, signal } = request;
    const endsAt = performance.now() + seconds * 1000;
    return this.#ask(threads, async (ask) => {
      const asked: Array<Promise<void>> = [];
      const join = (worker: WorkerHeap) => {
        const millis = Math.max(0, endsAt - performance.now());
        const capture = () => worker.captureAllocations(millis, signal);
        asked.push(ask(worker, () => capture().catch(nameEnded)));
      };
      this.#captures.add(join);
      try {
        this.#workers.forEach(join);
        await sleep(Math.max(0, endsAt - performance.now()), undefined, { signal });
      } finally {
        this.#captures.delete(join);
      }
      await Promise.all(asked);
    });
  }

  /** Asks workers that are selected, all at once. */
  async #ask<T>(
    selection: ThreadSelection,
    askAll: (ask: (worker: WorkerHeap, question: () => Promise<T>) => Promise<void>) => Promise<void>,
    moment?: MomentDeadline,
  ): Promise<FromThreads<T>> {
    const answers = new Answers<T>();
    if (!selectsWorkers(selection)) {
      return answers;
    }
    try {
      await (moment ? moment.within(MAIN_THREAD, () => this.#attach()) : this.#attach());
    } catch (error) {
      // Where only the time was over, the session still opens, perhaps for nobody.
      this.#attaching?.then(
        () => this.#closeIfUnused(),
        () => undefined,
      );
      answers.skipWorkers(error);
      return answers;
    }
    try {
      await askAll(async (worker, question) => {
        const { thread } = worker.target;
        if (isSelected(selection, thread)) {
          await answers.take(thread, question, () => this.#workers.delete(worker.target));
        }
      });
    } finally {
      this.#closeIfUnused();
    }
    return answers;
  }

  #closeIfUnused(): void {
    const hasWorkers = this.#targets !== undefined && this.#targets.threads.length > 0;
    if (this.#captures.size === 0 && !(this.isLive && hasWorkers)) {
      this.#connection?.close();
    }
  }

  #attach(): Promise<void> {
    this.#attaching ??= this.#open().catch((error: unknown) => {
      this.#connection?.close();
      throw error;
    });
    return this.#attaching;
  }

  async #open(): Promise<void> {
    const connection = this.inspector.open();
    this.#connection = connection;
    connection.onClose(() => {
      this.#workers.clear();
      this.#attaching = undefined;
      this.#connection = undefined;
      this.#targets = undefined;
    });
    const sampleFromNowOn = (target: InspectorTarget) => {
      const worker = new WorkerHeap(target, this.sampling, this.isLive);
      this.#workers.set(target, worker);
      this.#captures.forEach((join) => join(worker));
    };
    this.#targets = await WorkerTargets.attach(connection, sampleFromNowOn, () => this.#closeIfUnused());
  }
}

/** What a thread has allocated goes with it, which is worth a word. */
function nameEnded(error: unknown): never {
  throw error instanceof ThreadEndedError ? new Error('it has ended', { cause: error }) : error;
}
