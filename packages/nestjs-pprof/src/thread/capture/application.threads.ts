import { setMaxListeners } from 'node:events';
import { AgentClient, type AgentChannel, type LoopState } from './agent.client.js';
import type { StackSample } from '../pprof/profile.model.js';
import type { RunningScript } from '../pprof/running.texts.js';
import { runningScripts } from './running.scripts.js';
import type { SharedWithMain } from '../../shared/thread.protocol.js';
import { BlockCapturer, type BlockRequest, type ThreadBlocks } from './block.capturer.js';
import { BlockWatcher } from './block.watcher.js';
import { type CpuCapture, CpuCapturer, type CpuRequest } from './cpu.capturer.js';
import { InspectedThreads } from './inspected.threads.js';
import { Inspector } from './inspector.connection.js';
import { MainHeap } from './main.heap.js';
import { StackCapturer, type ThreadStack } from './stack.capturer.js';
import { MomentDeadline } from './moment.deadline.js';
import { isSelected, MAIN_THREAD, type ThreadInfo, type ThreadSelection } from './thread.info.js';
import {
  type AllocationsRequest,
  DEFAULT_SAMPLING,
  INSPECTOR_STACK_DEPTH,
  type ThreadAllocations,
  type ThreadHeap,
} from './thread.heap.js';
import { AgentFailureError, NoThreadError } from './threads.errors.js';
import { untilAborted } from './single.flight.js';
import { foundOrSkipped, type FromThreads, fromThreads } from './thread.results.js';
import { V8CpuCapturer } from './v8-cpu.capturer.js';
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
  readonly #inspector: Inspector;
  readonly #agent: AgentClient;
  readonly #mainHeap: MainHeap;
  readonly #workerHeaps: WorkerHeaps;
  readonly #cpu: CpuCapturer;
  readonly #blocks: BlockCapturer;
  readonly #blockWatcher: BlockWatcher | undefined;
  readonly #stacks: StackCapturer;
  readonly #inspected: InspectedThreads;
  /** What V8 records in its own formats. */
  readonly v8: V8Captures;

  constructor(
    channel: AgentChannel,
    private readonly shared: SharedWithMain,
  ) {
    this.#inspector = new Inspector(shared);
    this.#agent = new AgentClient(channel, shared.heartbeat, this.#inspector);
    this.#agent.onExit(() => this.#inspector.closeAll());
    this.#mainHeap = new MainHeap(this.#agent, this.#inspector, shared.heap);
    this.#workerHeaps = new WorkerHeaps(
      this.#inspector,
      shared.heap || DEFAULT_SAMPLING,
      shared.heap !== false,
    );
    this.#inspected = new InspectedThreads(this.#inspector, shared.heartbeat);
    const v8Cpu = new V8CpuCapturer();
    this.#blocks = new BlockCapturer(this.#agent, this.#inspected, v8Cpu);
    if (shared.block.watch) {
      this.#blockWatcher = new BlockWatcher(this.#agent, shared.block.threshold, this.#inspected, v8Cpu);
      this.#blockWatcher.start();
    }
    this.#cpu = new CpuCapturer(this.#agent, this.#inspected, v8Cpu);
    this.#stacks = new StackCapturer(this.#agent, this.#inspected, v8Cpu);
    this.v8 = new V8Captures(
      this.#agent,
      this.#inspected,
      v8Cpu,
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

  /** @throws {CoverageOnError} for worker threads alone, where coverage is counted. */
  async captureCpu(request: CpuRequest): Promise<CpuCapture> {
    if (!isSelected(request.threads, MAIN_THREAD)) {
      this.#inspector.refuseUnderCoverage();
    }
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
    const sample = (moment?: MomentDeadline) =>
      fromThreads(
        threads,
        () => this.#sampleMain(gc, signal, moment),
        () => this.#sampleWorkers(threads, gc, signal, moment),
      );
    // A garbage collection takes as long as the heap is large.
    return gc ? sample() : MomentDeadline.during(signal, sample);
  }

  /** The same, but it may be of no thread: where the agent cannot do it, the main thread is among those skipped. */
  async sampleHeapsIfPossible(
    threads: ThreadSelection,
    signal: AbortSignal,
  ): Promise<FromThreads<ThreadHeap>> {
    const failures: string[] = [];
    const ofMain = async (moment: MomentDeadline) => {
      try {
        return await this.#sampleMain(false, signal, moment);
      } catch (error) {
        if (!(error instanceof AgentFailureError)) {
          throw error;
        }
        failures.push(`main: ${error.message}`);
        return { results: [], skipped: failures };
      }
    };
    try {
      return await MomentDeadline.during(signal, (moment) =>
        fromThreads(
          threads,
          () => ofMain(moment),
          () => this.#sampleWorkers(threads, false, signal, moment),
        ),
      );
    } catch (error) {
      if (failures.length === 0 || !(error instanceof NoThreadError)) {
        throw error;
      }
      return { results: [], skipped: failures };
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
    const ofMain = async () => {
      const found = await this.#mainHeap.captureAllocations(limited);
      if (found.results.length === 0 && !(await this.#workerHeaps.hasWorkers())) {
        // Nobody is left: the window need not be waited for.
        throw new NoThreadError(found.skipped);
      }
      return found;
    };
    try {
      return await fromThreads(request.threads, ofMain, () => this.#workerHeaps.captureAllocations(limited));
    } finally {
      // Where one of them has failed, nobody waits for the other.
      giveUp.abort();
    }
  }

  #sampleMain(gc: boolean, signal: AbortSignal, moment?: MomentDeadline): Promise<FromThreads<ThreadHeap>> {
    return moment
      ? foundOrSkipped(MAIN_THREAD, () =>
          moment.answerOf(MAIN_THREAD, (gone) => this.#mainHeap.sample(gc, gone)),
        )
      : this.#mainHeap.sample(gc, signal);
  }

  /** Their session is shared: what one client asked for is answered, whether it waits or not. */
  #sampleWorkers(
    threads: ThreadSelection,
    gc: boolean,
    signal: AbortSignal,
    moment?: MomentDeadline,
  ): Promise<FromThreads<ThreadHeap>> {
    return untilAborted(signal, this.#workerHeaps.sample(threads, gc, moment));
  }

  /** @throws {CoverageOnError} */
  async captureBlocks(request: BlockRequest): Promise<FromThreads<ThreadBlocks>> {
    this.#inspector.refuseUnderCoverage();
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

  /** @throws {CoverageOnError} */
  async captureStacks(threads: ThreadSelection, signal: AbortSignal): Promise<FromThreads<ThreadStack>> {
    this.#inspector.refuseUnderCoverage();
    return this.#stacks.capture(threads, signal);
  }

  /** See `ScriptsOf`. */
  runningScripts(names: ReadonlySet<string>): Promise<ReadonlyMap<string, readonly RunningScript[]>> {
    return runningScripts(this.#inspector, names);
  }

  observeLoop(): Promise<LoopState> {
    return this.#agent.observeLoop();
  }

  /** The worker threads there are; they are not interrupted. */
  async listWorkers(signal: AbortSignal): Promise<FromThreads<ThreadInfo>> {
    const { results, skipped } = await MomentDeadline.during(signal, (moment) =>
      this.#inspected.askWorkers('all', ({ target }) => Promise.resolve(target.thread), signal, moment),
    );
    return { results: results.toSorted((a, b) => a.id - b.id), skipped };
  }
}
