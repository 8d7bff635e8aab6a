import { AgentClient, type AgentChannel } from './agent.client.js';
import type { StackSample } from '../pprof/profile.model.js';
import type { SharedWithMain } from '../thread.protocol.js';
import { BlockCapturer, type BlockRequest, type ThreadBlocks } from './block.capturer.js';
import { BlockWatcher } from './block.watcher.js';
import { type CpuCapture, CpuCapturer, type CpuRequest } from './cpu.capturer.js';
import { askWorkers, type FromThreads } from './inspected.workers.js';
import { closeConnections, countConnectionsIn, setInspectorAvailable } from './inspector.connection.js';
import { LoopObserver, type LoopState } from './loop.observer.js';
import { MainHeap } from './main.heap.js';
import { StackCapturer, type ThreadStack } from './stack.capturer.js';
import { isSelected, MAIN_THREAD, type ThreadInfo, type ThreadSelection } from './thread.info.js';
import type { ThreadHeap } from './thread.heap.js';
import { NoThreadError } from './threads.errors.js';
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
    const agent = new AgentClient(channel);
    countConnectionsIn(shared.connections);
    setInspectorAvailable(shared.inspector);
    setWorkerStarts(shared.workerStarts);
    agent.onExit(closeConnections);
    this.#mainHeap = new MainHeap(agent, shared.heap);
    this.#workerHeaps = new WorkerHeaps(shared.heap);
    this.#blocks = new BlockCapturer(agent);
    if (shared.block.watch) {
      this.#blockWatcher = new BlockWatcher(agent, shared.block.threshold);
      this.#blockWatcher.start();
    }
    this.#cpu = new CpuCapturer(agent);
    this.#loop = new LoopObserver(agent, shared.heartbeat);
    this.#stacks = new StackCapturer(this.#loop);
    this.v8 = new V8Captures(this.#loop, this.#workerHeaps, shared.heap, shared.temporaryDirectory);
  }

  /** Average number of bytes between two samples of a heap. */
  get heapSamplingInterval(): number {
    return this.shared.heap === false ? 0 : this.shared.heap.samplingInterval;
  }

  captureCpu(request: CpuRequest): Promise<CpuCapture> {
    return this.#cpu.capture(request);
  }

  /** @throws {AgentFailureError | NoThreadError} */
  async sampleHeaps(threads: ThreadSelection, gc: boolean): Promise<FromThreads<ThreadHeap>> {
    const [main, workers] = await Promise.all([
      isSelected(threads, MAIN_THREAD) ? this.#mainHeap.sample(gc) : { results: [], skipped: [] },
      this.#workerHeaps.sample(threads, gc),
    ]);
    const results = [...main.results, ...workers.results].toSorted((a, b) => a.thread.id - b.thread.id);
    const skipped = [...main.skipped, ...workers.skipped];
    if (results.length === 0) {
      throw new NoThreadError(skipped);
    }
    return { results, skipped };
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
  async listWorkers(): Promise<FromThreads<ThreadInfo>> {
    const { results, skipped } = await askWorkers('all', (target) => Promise.resolve(target.thread));
    return { results: results.toSorted((a, b) => a.id - b.id), skipped };
  }
}
