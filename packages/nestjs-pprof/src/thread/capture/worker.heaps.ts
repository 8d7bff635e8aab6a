import { setTimeout as sleep } from 'node:timers/promises';
import type { HeapRestart, HeapSampling } from '../../shared/agent.protocol.js';
import { PprofError } from '../../shared/pprof.error.js';
import { allocationNodeOf } from '../pprof/allocation.tree.js';
import type { V8HeapProfile } from '../pprof/v8.profiles.js';
import type { FromThreads, ThreadSelection } from './thread.selection.js';
import { askWorkers, WorkersSession, type WorkersInUse } from './workers.session.js';
import type { Inspector, InspectorTarget } from './inspector.connection.js';
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

/**
 * The heaps of the worker threads, sampled from the first time they are asked for, in a session that stays open for as long as there
 * are workers: V8 stops what it has started when it ends.
 *
 * @internal
 */
export class WorkerHeaps {
  #session: WorkersSession<WorkerHeap> | undefined;

  /** @param isLive whether live objects are sampled; else the sampling is for captures of allocations alone */
  constructor(
    private readonly inspector: Inspector,
    private readonly sampling: HeapSampling,
    private readonly isLive: boolean,
  ) {}

  /**
   * @param moment until when they are waited for; without, each as long as it takes
   * @throws the signal's reason.
   */
  async sample(
    selection: ThreadSelection,
    gc: boolean,
    signal: AbortSignal,
    moment?: MomentDeadline,
  ): Promise<FromThreads<ThreadHeap>> {
    return this.isLive
      ? askWorkers(this.#use, selection, (worker) => worker.sample(gc), { signal, moment })
      : { results: [], skipped: [] };
  }

  /** Whether there are any that can be reached. */
  async hasWorkers(): Promise<boolean> {
    return (await this.#session?.hasWorkers()) === true;
  }

  /** Includes workers that start meanwhile, from then on. @throws the signal's reason. */
  captureAllocations(request: AllocationsRequest): Promise<FromThreads<ThreadAllocations>> {
    const { threads, seconds, signal } = request;
    const endsAt = performance.now() + seconds * 1000;
    const remaining = () => Math.max(0, endsAt - performance.now());
    const capture = (worker: WorkerHeap) => worker.captureAllocations(remaining(), signal).catch(nameEnded);
    const untilEnd = () => sleep(remaining(), undefined, { signal });
    return askWorkers(this.#use, threads, capture, { signal, untilEnd });
  }

  readonly #use = (onWorker: (worker: WorkerHeap) => void): WorkersInUse => {
    if (!this.#session?.isOpen) {
      const make = (target: InspectorTarget) => new WorkerHeap(target, this.sampling, this.isLive);
      this.#session = new WorkersSession(this.inspector.open(), make, this.isLive);
    }
    return this.#session.use(onWorker);
  };
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
