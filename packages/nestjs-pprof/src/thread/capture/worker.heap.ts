import type { HeapRestart, HeapSampling } from '../../shared/agent.protocol.js';
import { allocationNodeOf } from '../pprof/allocation.tree.js';
import type { V8HeapProfile } from '../pprof/v8.profiles.js';
import type { InspectorTarget } from './inspector.connection.js';
import {
  type AllocationTotals,
  SharedAllocations,
  type ThreadAllocations,
  collectGarbage,
  type ThreadHeap,
} from './thread.heap.js';
import { HeapNotSampledError, WorkerHeapHeldError } from './threads.errors.js';

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
    const common = {
      thread: this.target.thread,
      way: 'inspector' as const,
      memory: undefined,
    };
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
    return {
      thread: this.target.thread,
      ...(await this.#allocations.capture(millis, signal)),
      stuck: false,
    };
  }

  async #start(): Promise<void> {
    const isHeld = await this.target.post('HeapProfiler.getSamplingProfile').then(
      () => true,
      (error: unknown) => {
        if (error instanceof HeapNotSampledError) {
          return false;
        }
        throw error;
      },
    );
    if (isHeld) {
      throw new WorkerHeapHeldError(this.target.thread.label);
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
    try {
      return await this.#take('HeapProfiler.getSamplingProfile');
    } catch (error) {
      if (!(error instanceof HeapNotSampledError)) {
        throw error;
      }
    }
    this.#restarted = 'stopped-by-other';
    await this.#startLive();
    return this.#take('HeapProfiler.getSamplingProfile');
  }

  #sampledSince(): Omit<Sampled, keyof Taken> {
    return { since: this.#since, restarted: this.#restarted };
  }

  async #take(method: string): Promise<Taken> {
    const { profile } = await this.target.post<{ profile: V8HeapProfile }>(method);
    return { root: allocationNodeOf(profile.head), v8Profile: profile };
  }
}
