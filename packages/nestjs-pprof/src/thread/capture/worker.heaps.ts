import { setTimeout as sleep } from 'node:timers/promises';
import type { HeapRestart, HeapSampling } from '../../shared/agent.protocol.js';
import { PprofError } from '../../shared/pprof.error.js';
import { allocationNodeOf } from '../pprof/allocation.tree.js';
import type { V8HeapProfile } from '../pprof/v8.profiles.js';
import { Answers, type FromThreads, MAIN_THREAD, type ThreadSelection } from './thread.selection.js';
import type { Inspector, InspectorConnection, InspectorTarget } from './inspector.connection.js';
import {
  type AllocationsRequest,
  type AllocationTotals,
  collectGarbage,
  SharedAllocations,
  type ThreadAllocations,
  type ThreadHeap,
} from './thread.heap.js';
import type { MomentDeadline } from './moment.deadline.js';
import { HeapNotSampledError, ThreadEndedError } from './threads.errors.js';
import { WorkerTargets } from './worker.targets.js';

/**
 * The heaps of the worker threads, sampled from the first time they are asked for, in a session that stays open for as long as there
 * are workers: V8 stops what it has started when it ends.
 *
 * @internal
 */
export class WorkerHeaps {
  #connection: InspectorConnection | undefined;
  #targets: WorkerTargets | undefined;
  readonly #workers = new Map<InspectorTarget, WorkerHeap>();
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
    const answers = new Answers<T>(selection);
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
      await askAll((worker, question) => answers.take(worker.target.thread, question));
    } finally {
      this.#closeIfUnused();
    }
    return answers;
  }

  /** Not while it is attaching: whoever waits for that would be told so. */
  #closeIfUnused(): void {
    const isUsed = this.#captures.size > 0 || (this.isLive && this.#targets?.threads.length !== 0);
    if (this.#targets && !isUsed) {
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
    this.#targets = await WorkerTargets.attach(connection, sampleFromNowOn, (target) => {
      this.#workers.delete(target);
      this.#closeIfUnused();
    });
  }
}

type Taken = Required<Pick<ThreadHeap, 'root' | 'v8Profile'>>;
type Sampled = Taken & Pick<ThreadHeap, 'since' | 'restarted'>;

/**
 * The heap of one worker thread, in V8's one sampler: of live objects, where that is wanted, and of all allocations while
 * somebody counts them.
 *
 * @internal
 */
export class WorkerHeap {
  readonly #allocations = new SharedAllocations({
    begin: () => {
      const begun = this.#beginAllocations();
      this.#begun = begun.catch(() => undefined);
      return begun;
    },
    read: () => this.#readAllocations(),
    end: () => this.#endAllocations(),
  });
  readonly #started: Promise<unknown>;
  #since = Date.now();
  #restarted: HeapRestart | null = null;
  #beforeAllocations: (Sampled & { readonly asOf: number }) | undefined;
  /** Settles when all allocations are counted, or cannot be: in between V8 samples nothing. */
  #begun: Promise<unknown> | undefined;

  /** @param isLive whether live objects are sampled */
  constructor(
    readonly target: InspectorTarget,
    private readonly sampling: HeapSampling,
    private readonly isLive: boolean,
  ) {
    this.#started = this.#start();
    // Whoever asks for the sample hears of it.
    this.#started.catch(() => undefined);
  }

  /** What is alive of what was allocated since the sampling began. */
  async sample(gc: boolean): Promise<ThreadHeap> {
    await this.#started;
    const common = { thread: this.target.thread, by: 'inspector' as const, memory: undefined };
    const collected = gc && !this.#begun && (await collectGarbage(this.target));
    // That may have begun meanwhile.
    await this.#begun;
    if (this.#beforeAllocations) {
      return { ...common, ...this.#beforeAllocations, collected: false };
    }
    const taken = await this.#takeLive();
    return { ...common, ...this.#sampledSince(), ...taken, collected };
  }

  /** All that is allocated in so many milliseconds. */
  async captureAllocations(millis: number, signal: AbortSignal): Promise<ThreadAllocations> {
    await this.#started;
    const window = await this.#allocations.capture(millis, signal);
    return { thread: this.target.thread, ...window };
  }

  async #start(): Promise<void> {
    if (await this.#takeIfSampled()) {
      // V8 has one sampler for the heap of a thread.
      throw new PprofError(
        409,
        `its heap sampler is held by another profiler. Switch off what profiles ${this.target.thread.label} (--heap-prof, ` +
          'DevTools, or a profiler that is loaded there)',
      );
    }
    if (this.isLive) {
      await this.#startLive();
    }
  }

  async #startLive(): Promise<void> {
    const { samplingInterval } = this.sampling;
    this.#since = Date.now();
    await this.target.post('HeapProfiler.startSampling', { samplingInterval });
  }

  async #beginAllocations(): Promise<void> {
    const { samplingInterval } = this.sampling;
    try {
      if (this.isLive) {
        const asOf = Date.now();
        const taken = await this.#take('HeapProfiler.stopSampling');
        this.#beforeAllocations = { ...this.#sampledSince(), ...taken, asOf };
      }
      await this.target.post('HeapProfiler.startSampling', {
        samplingInterval,
        includeObjectsCollectedByMajorGC: true,
        includeObjectsCollectedByMinorGC: true,
      });
    } catch (error) {
      // What has not been answered in time is done all the same when the thread goes on.
      void this.#endAllocations();
      throw error;
    }
  }

  async #readAllocations(): Promise<AllocationTotals> {
    const { root } = await this.#take('HeapProfiler.getSamplingProfile');
    return { root, counted: false };
  }

  /** Not waited for: the thread does one command after the other, so this comes before whatever it is asked for next. */
  #endAllocations(): Promise<void> {
    // Unlike `stopSampling` this does not read out, for which V8 would collect garbage.
    this.target.post('HeapProfiler.disable').catch(() => undefined);
    this.#beforeAllocations = undefined;
    this.#begun = undefined;
    if (this.isLive) {
      this.#restarted = 'allocs';
      this.#startLive().catch(() => undefined);
    }
    return Promise.resolve();
  }

  async #takeLive(): Promise<Taken> {
    const taken = await this.#takeIfSampled();
    if (taken) {
      return taken;
    }
    this.#restarted = 'stopped-by-other';
    await this.#startLive();
    return this.#take('HeapProfiler.getSamplingProfile');
  }

  async #takeIfSampled(): Promise<Taken | undefined> {
    try {
      return await this.#take('HeapProfiler.getSamplingProfile');
    } catch (error) {
      if (error instanceof HeapNotSampledError) {
        return undefined;
      }
      throw error;
    }
  }

  #sampledSince(): Omit<Sampled, keyof Taken> {
    return { since: this.#since, restarted: this.#restarted };
  }

  async #take(method: string): Promise<Taken> {
    const { profile } = await this.target.post<{ profile: V8HeapProfile }>(method);
    return { root: allocationNodeOf(profile.head), v8Profile: profile };
  }
}

/** What a thread has allocated goes with it, which is worth a word. */
function nameEnded(error: unknown): never {
  throw error instanceof ThreadEndedError ? new Error('it has ended', { cause: error }) : error;
}
