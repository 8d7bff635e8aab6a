import { HeapSamplingOffError } from '../../shared/agent.errors.js';
import type { HeapSampling } from '../../shared/agent.protocol.js';
import type { V8CpuProfile, V8HeapProfile } from '../pprof/v8.profiles.js';
import { type HeapSnapshotRequest, HeapSnapshotTaker, type SnapshotFile } from './heap.snapshot.js';
import type { AgentClient } from './agent.client.js';
import type { InspectedThreads } from './inspected.threads.js';
import type { MainHeap } from './main.heap.js';
import { collectGarbage } from './thread.heap.js';
import { MAIN_THREAD } from './thread.info.js';
import {
  GarbageNotCollectedError,
  HeapNotSampledError,
  NoThreadError,
  RecordingHeldError,
} from './threads.errors.js';
import { Tracer, type Trace, type TraceRequest } from './tracer.js';
import type { V8CpuCapturer } from './v8-cpu.capturer.js';
import type { WorkerHeaps } from './worker.heaps.js';

/** @internal */
export interface V8CpuProfileRequest {
  /** Node's `threadId`; 0 is the main thread. */
  readonly thread: number;
  readonly seconds: number;
  readonly hz: number;
  readonly signal: AbortSignal;
}

/** @internal */
export interface V8HeapProfileRequest {
  readonly thread: number;
  /** Whether garbage is collected first. */
  readonly gc: boolean;
  readonly signal: AbortSignal;
}

/** Unlike pprof, V8's format has no place to say that it is of a moment before. */
const ALLOCATIONS = 'count of all allocations (allocs?seconds=)';

/** What V8 records in formats of its own, each through an inspector session that ends with it. @internal */
export class V8Captures {
  readonly #tracer: Tracer;
  readonly #snapshots: HeapSnapshotTaker;

  constructor(
    private readonly agent: AgentClient,
    private readonly threads: InspectedThreads,
    private readonly cpu: V8CpuCapturer,
    private readonly mainHeap: Pick<MainHeap, 'isLive' | 'sample'>,
    private readonly workerHeaps: WorkerHeaps,
    private readonly sampling: HeapSampling | false,
    temporaryDirectory: string,
  ) {
    this.#tracer = new Tracer(threads, agent);
    this.#snapshots = new HeapSnapshotTaker(threads, temporaryDirectory);
  }

  /** With the time of each sample. Does not disturb, and is not disturbed by, other captures of the thread. */
  async captureCpuProfile({ thread, seconds, hz, signal }: V8CpuProfileRequest): Promise<V8CpuProfile> {
    const main = thread === MAIN_THREAD.id ? await this.agent.observeLoop() : undefined;
    const { profile } = await this.threads.useThread(
      thread,
      (sampler, workers) =>
        this.cpu.capture(sampler, {
          millis: seconds * 1000,
          hz,
          signal,
          ...(main ? main.stuck && { lastTurn: main.lastTurn } : { workers }),
        }),
      signal,
    );
    return profile;
  }

  /**
   * What the sampler that runs anyway knows of live objects; it goes on undisturbed.
   *
   * @throws {HeapSamplingOffError} where none runs.
   * @throws {RecordingHeldError} while `allocs?seconds=` has the sampler.
   * @throws {AgentFailureError} where it cannot be sampled.
   * @throws {GarbageNotCollectedError} where that was asked for and the thread does not come to it.
   */
  async sampleHeapProfile({ thread, gc, signal }: V8HeapProfileRequest): Promise<V8HeapProfile> {
    if (this.sampling === false) {
      throw new HeapSamplingOffError();
    }
    if (thread !== MAIN_THREAD.id) {
      const { results, skipped } = await this.workerHeaps.sample([thread], gc);
      const [heap] = results;
      if (!heap?.v8Profile) {
        throw new NoThreadError(skipped);
      }
      if (heap.asOf !== undefined) {
        throw new RecordingHeldError(ALLOCATIONS);
      }
      if (gc && !heap.collected) {
        throw new GarbageNotCollectedError(heap.thread.label);
      }
      return heap.v8Profile;
    }
    if (!this.mainHeap.isLive) {
      throw new RecordingHeldError(ALLOCATIONS);
    }
    const capture = this.threads.useAlone(
      thread,
      async (target) => {
        if (gc && !(await collectGarbage(target))) {
          throw new GarbageNotCollectedError(target.thread.label);
        }
        const { profile } = await target.post<{ profile: V8HeapProfile }>('HeapProfiler.getSamplingProfile');
        return profile;
      },
      signal,
    );
    return capture.catch(async (error: unknown) => {
      if (error instanceof HeapNotSampledError) {
        // V8 does not say why; where it could not be started in the first place, the agent does.
        await this.mainHeap.sample(false, signal);
      }
      throw error;
    });
  }

  /** @throws {RecordingHeldError} while another trace is recorded. */
  recordTrace(request: TraceRequest): Promise<Trace> {
    return this.#tracer.record(request);
  }

  /** @throws {RecordingHeldError} while another snapshot is taken. */
  async takeHeapSnapshot(request: Omit<HeapSnapshotRequest, 'stuck'>): Promise<SnapshotFile> {
    return this.#snapshots.take({ ...request, stuck: await this.#isStuck(request.thread) });
  }

  async #isStuck(thread: number): Promise<boolean> {
    return thread === MAIN_THREAD.id && (await this.agent.observeLoop()).stuck;
  }
}
