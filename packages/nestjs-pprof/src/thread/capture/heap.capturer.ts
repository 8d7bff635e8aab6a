import { setMaxListeners } from 'node:events';
import { HeapSamplingOffError } from '../../shared/agent.errors.js';
import type { HeapSampling } from '../../shared/agent.protocol.js';
import type { V8HeapProfile } from '../pprof/v8.profiles.js';
import type { AgentClient } from './agent.client.js';
import type { InspectedThreads } from './inspected.threads.js';
import { ALLOCATIONS, MainHeap } from './main.heap.js';
import { MomentDeadline } from './moment.deadline.js';
import {
  type AllocationsRequest,
  collectGarbage,
  DEFAULT_SAMPLING,
  INSPECTOR_STACK_DEPTH,
  type ThreadAllocations,
  type ThreadHeap,
} from './thread.heap.js';
import {
  foundOrSkipped,
  type FromThreads,
  fromThreads,
  MAIN_THREAD,
  type ThreadInfo,
  type ThreadSelection,
} from './thread.selection.js';
import {
  AgentFailureError,
  GarbageNotCollectedError,
  HeapNotSampledError,
  NoThreadError,
  RecordingHeldError,
} from './threads.errors.js';
import { WorkerHeaps } from './worker.heaps.js';

interface V8HeapProfileRequest {
  readonly thread: number;
  /** Whether garbage is collected first. */
  readonly gc: boolean;
  readonly signal: AbortSignal;
}

/** Captures the heaps of threads: what is alive, and all that is allocated in a window of time. @internal */
export class HeapCapturer {
  readonly #main: MainHeap;
  readonly #workers: WorkerHeaps;

  /** @param heap how live objects are sampled; false where they are not */
  constructor(
    agent: AgentClient,
    private readonly threads: InspectedThreads,
    private readonly heap: HeapSampling | false,
  ) {
    this.#main = new MainHeap(agent, threads.inspector, heap);
    this.#workers = new WorkerHeaps(threads.inspector, heap || DEFAULT_SAMPLING, heap !== false);
  }

  /** Average number of bytes between two samples of a heap. */
  get samplingInterval(): number {
    return (this.heap || DEFAULT_SAMPLING).samplingInterval;
  }

  /** Frames kept of the stacks in the heap of a thread. */
  stackDepth({ id }: ThreadInfo): number {
    return id === MAIN_THREAD.id ? (this.heap || DEFAULT_SAMPLING).stackDepth : INSPECTOR_STACK_DEPTH;
  }

  /**
   * The live objects of the threads.
   *
   * @throws {AgentFailureError | NoThreadError} or the signal's reason.
   */
  async sample(threads: ThreadSelection, gc: boolean, signal: AbortSignal): Promise<FromThreads<ThreadHeap>> {
    const sample = (moment?: MomentDeadline) =>
      fromThreads(
        threads,
        () => this.#sampleMain(gc, signal, moment),
        () => this.#workers.sample(threads, gc, signal, moment),
      );
    // A garbage collection takes as long as the heap is large.
    return gc ? sample() : MomentDeadline.during(signal, sample);
  }

  /** The same, but it may be of no thread: where the agent cannot do it, the main thread is among those skipped. */
  async sampleIfPossible(threads: ThreadSelection, signal: AbortSignal): Promise<FromThreads<ThreadHeap>> {
    let failed: FromThreads<ThreadHeap> | undefined;
    const orFailed = (error: unknown) => {
      if (!(error instanceof AgentFailureError)) {
        throw error;
      }
      failed = { results: [], skipped: [`${MAIN_THREAD.label}: ${error.message}`] };
      return failed;
    };
    const sampled = MomentDeadline.during(signal, (moment) =>
      fromThreads(
        threads,
        () => this.#sampleMain(false, signal, moment).catch(orFailed),
        () => this.#workers.sample(threads, false, signal, moment),
      ),
    );
    return sampled.catch((error: unknown) => {
      if (error instanceof NoThreadError && failed) {
        return failed;
      }
      throw error;
    });
  }

  /**
   * Everything that the threads allocate in a window of time. The sampling of live objects starts anew afterwards.
   *
   * @throws {AgentFailureError | NoThreadError} or the signal's reason.
   */
  async captureAllocations(request: AllocationsRequest): Promise<FromThreads<ThreadAllocations>> {
    const giveUp = new AbortController();
    const limited = { ...request, signal: AbortSignal.any([request.signal, giveUp.signal]) };
    // One listener a worker, which may be many.
    setMaxListeners(0, limited.signal);
    const ofMain = async () => {
      const found = await foundOrSkipped(() => this.#main.captureAllocations(limited));
      if (found.results.length === 0 && !(await this.#workers.hasWorkers())) {
        // Nobody is left: the window need not be waited for.
        throw new NoThreadError(found.skipped);
      }
      return found;
    };
    try {
      return await fromThreads(request.threads, ofMain, () => this.#workers.captureAllocations(limited));
    } finally {
      // Where one of them has failed, nobody waits for the other.
      giveUp.abort();
    }
  }

  #sampleMain(gc: boolean, signal: AbortSignal, moment?: MomentDeadline): Promise<FromThreads<ThreadHeap>> {
    const sample = (limited: AbortSignal) => this.#main.sample(gc, limited);
    return foundOrSkipped(() => (moment ? moment.answerOf(MAIN_THREAD, sample) : sample(signal)));
  }

  /**
   * What the sampler that runs anyway knows of live objects; it goes on undisturbed.
   *
   * @throws {HeapSamplingOffError} where none runs.
   * @throws {RecordingHeldError} while `allocs?seconds=` has the sampler.
   * @throws {AgentFailureError} where it cannot be sampled.
   * @throws {GarbageNotCollectedError} where that was asked for and the thread does not come to it.
   */
  async sampleV8Profile({ thread, gc, signal }: V8HeapProfileRequest): Promise<V8HeapProfile> {
    if (this.heap === false) {
      throw new HeapSamplingOffError();
    }
    if (thread === MAIN_THREAD.id) {
      return this.#main.whileLive(() => this.#readMainByInspector(gc, signal));
    }
    const { results, skipped } = await this.#workers.sample([thread], gc, signal);
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

  async #readMainByInspector(gc: boolean, signal: AbortSignal): Promise<V8HeapProfile> {
    try {
      return await this.threads.useAlone(
        MAIN_THREAD.id,
        async (target) => {
          if (gc && !(await collectGarbage(target))) {
            throw new GarbageNotCollectedError(target.thread.label);
          }
          const { profile } = await target.post<{ profile: V8HeapProfile }>(
            'HeapProfiler.getSamplingProfile',
          );
          return profile;
        },
        signal,
      );
    } catch (error) {
      if (error instanceof HeapNotSampledError) {
        // V8 does not say why; where it could not be started in the first place, the agent does.
        await this.#main.sample(false, signal);
      }
      throw error;
    }
  }
}
