import { setMaxListeners } from 'node:events';
import { AgentClient, type AgentChannel } from './agent.client.js';
import type { StackSample } from '../pprof/profile.model.js';
import type { SharedWithMain } from '../../shared/thread.protocol.js';
import { BlockCapturer, type BlockRequest, type ThreadBlocks } from './block.capturer.js';
import { BlockWatcher } from './block.watcher.js';
import { type CpuCapture, CpuCapturer, type CpuRequest } from './cpu.capturer.js';
import { askWorkers, type FromThreads } from './inspected.workers.js';
import { closeConnections, countConnectionsIn, setInspectorAvailable } from './inspector.connection.js';
import { LoopObserver, type LoopState } from './loop.observer.js';
import { MainHeap } from './main.heap.js';
import { StackCapturer, type ThreadStack } from './stack.capturer.js';
import { isSelected, MAIN_THREAD, type ThreadInfo, type ThreadSelection } from './thread.info.js';
import {
  type AllocationsRequest,
  DEFAULT_SAMPLING,
  INSPECTOR_STACK_DEPTH,
  type ThreadAllocations,
} from './thread.allocations.js';
import type { ThreadHeap } from './thread.heap.js';
import { AgentFailureError, NoThreadError } from './threads.errors.js';
import { untilAborted } from './abort.race.js';
import { setWorkerStarts } from './worker.targets.js';
import { V8Captures } from './v8.captures.js';
import { WorkerHeaps } from './worker.heaps.js';

/** What has blocked the main thread's event loop since the watch on it began. @internal */
export interface WatchedBlocks {
  readonly samples: readonly StackSample[];
  readonly startedAt: number;
  readonly thresholdMillis: number;
}

/** The threads of the application, and what can be found out about them. @internal */
export class ApplicationThreads {
  readonly #mainHeap: MainHeap;
  readonly #workerHeaps: WorkerHeaps;
  readonly #cpu: CpuCapturer;
  readonly #blocks: BlockCapturer;
  readonly #blockWatcher: BlockWatcher | undefined;
  readonly #loop: LoopObserver;
  readonly #stacks: StackCapturer;
  /** What V8 records in its own formats. */
  readonly v8: V8Captures;

  constructor(
    channel: AgentChannel,
    private readonly shared: SharedWithMain,
  ) {
    const agent = new AgentClient(channel, shared.heartbeat);
    countConnectionsIn(shared.connections);
    setInspectorAvailable(shared.inspector);
    setWorkerStarts(shared.workerStarts);
    agent.onExit(closeConnections);
    this.#mainHeap = new MainHeap(agent, shared.heap);
    this.#workerHeaps = new WorkerHeaps(shared.heap || DEFAULT_SAMPLING, shared.heap !== false);
    this.#blocks = new BlockCapturer(agent);
    if (shared.block.watch) {
      this.#blockWatcher = new BlockWatcher(agent, shared.block.threshold);
      this.#blockWatcher.start();
    }
    this.#cpu = new CpuCapturer(agent);
    this.#loop = new LoopObserver(agent, shared.heartbeat);
    this.#stacks = new StackCapturer(this.#loop);
    this.v8 = new V8Captures(
      this.#loop,
      this.#mainHeap,
      this.#workerHeaps,
      shared.heap,
      shared.temporaryDirectory,
    );
  }

  /** Average number of bytes between two samples of a heap. */
  get heapSamplingInterval(): number {
    return (this.shared.heap || DEFAULT_SAMPLING).samplingInterval;
  }

  /** Frames kept of the stacks in the heap of a thread. */
  heapStackDepth({ id }: ThreadInfo): number {
    return id === MAIN_THREAD.id ? (this.shared.heap || DEFAULT_SAMPLING).stackDepth : INSPECTOR_STACK_DEPTH;
  }

  captureCpu(request: CpuRequest): Promise<CpuCapture> {
    return this.#cpu.capture(request);
  }

  /**
   * The live objects of the threads.
   *
   * @throws {AgentFailureError | NoThreadError} or the signal's reason.
   */
  async sampleHeaps(
    threads: ThreadSelection,
    gc: boolean,
    signal: AbortSignal,
  ): Promise<FromThreads<ThreadHeap>> {
    return joined(
      isSelected(threads, MAIN_THREAD) && this.#mainHeap.sample(gc, signal),
      this.#sampleWorkers(threads, gc, signal),
    );
  }

  /** The same, but it may be of no thread: where the agent cannot do it, the main thread is among those skipped. */
  async sampleHeapsIfPossible(
    threads: ThreadSelection,
    signal: AbortSignal,
  ): Promise<FromThreads<ThreadHeap>> {
    let failure: string | undefined;
    const main = isSelected(threads, MAIN_THREAD) && this.#mainHeap.sample(false, signal);
    const known =
      main &&
      main.catch((error: unknown) => {
        if (!(error instanceof AgentFailureError)) {
          throw error;
        }
        failure = `main: ${error.message}`;
        return { results: [], skipped: [failure] };
      });
    try {
      return await joined(known, this.#sampleWorkers(threads, false, signal));
    } catch (error) {
      if (failure === undefined || !(error instanceof NoThreadError)) {
        throw error;
      }
      return { results: [], skipped: [failure] };
    }
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
    const main = isSelected(request.threads, MAIN_THREAD) && this.#mainHeap.captureAllocations(limited);
    const workers = this.#workerHeaps.captureAllocations(limited);
    const unlessNobodyIsLeft = async () => {
      const { results, skipped } = (await main) || { results: [], skipped: [] };
      if (results.length === 0 && !(await this.#workerHeaps.hasWorkers())) {
        giveUp.abort();
        throw new NoThreadError(skipped);
      }
    };
    try {
      const [found] = await Promise.all([joined(main, workers), main && unlessNobodyIsLeft()]);
      return found;
    } finally {
      // Where one of them has failed, nobody waits for the other.
      giveUp.abort();
    }
  }

  /** Their session is shared: what one client asked for is answered, whether it waits or not. */
  #sampleWorkers(
    threads: ThreadSelection,
    gc: boolean,
    signal: AbortSignal,
  ): Promise<FromThreads<ThreadHeap>> {
    return untilAborted(signal, this.#workerHeaps.sample(threads, gc));
  }

  captureBlocks(request: BlockRequest): Promise<FromThreads<ThreadBlocks>> {
    return this.#blocks.capture(request);
  }

  /** Undefined where the options have no watch. */
  watchedBlocks(): WatchedBlocks | undefined {
    const watcher = this.#blockWatcher;
    return (
      watcher && {
        samples: watcher.collected(),
        startedAt: watcher.startedAt,
        thresholdMillis: this.shared.block.threshold,
      }
    );
  }

  captureStacks(threads: ThreadSelection, signal: AbortSignal): Promise<FromThreads<ThreadStack>> {
    return this.#stacks.capture(threads, signal);
  }

  observeLoop(): Promise<LoopState> {
    return this.#loop.observe();
  }

  /** The worker threads there are; they are not interrupted. */
  async listWorkers(signal: AbortSignal): Promise<FromThreads<ThreadInfo>> {
    const { results, skipped } = await askWorkers('all', ({ thread }) => Promise.resolve(thread), signal);
    return { results: results.toSorted((a, b) => a.id - b.id), skipped };
  }
}

/** @throws {NoThreadError} where there is nothing of any thread. */
async function joined<T extends { readonly thread: ThreadInfo }>(
  ...parts: ReadonlyArray<Promise<FromThreads<T>> | false>
): Promise<FromThreads<T>> {
  const found = await Promise.all(parts.filter((part) => part !== false));
  const results = found.flatMap((part) => part.results).toSorted((a, b) => a.thread.id - b.thread.id);
  const skipped = found.flatMap((part) => part.skipped);
  if (results.length === 0) {
    throw new NoThreadError(skipped);
  }
  return { results, skipped };
}
