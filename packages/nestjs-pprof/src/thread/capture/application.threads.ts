import { AgentClient, type AgentChannel, type LoopState } from './agent.client.js';
import type { StackSample } from '../pprof/profile.model.js';
import { lastBeatIn } from '../../shared/shared.memory.js';
import type { RunningScript } from '../pprof/running.texts.js';
import { runningScripts } from './running.scripts.js';
import type { HandlerClass } from '../../shared/agent.protocol.js';
import type { SharedWithMain } from '../../shared/thread.protocol.js';
import { BlockCapturer, type BlockRequest, type ThreadBlocks } from './block.capturer.js';
import { BlockWatcher } from './block.watcher.js';
import { type CpuCapture, CpuCapturer, type CpuRequest } from './cpu.capturer.js';
import { FlightRecorder } from './flight.recorder.js';
import { Incidents } from './incidents.js';
import { InspectedThreads } from './inspected.threads.js';
import { Inspector } from './inspector.connection.js';
import { HeapCapturer } from './heap.capturer.js';
import { HeapSnapshotTaker } from './heap.snapshot.js';
import { StackCapturer, type ThreadStack } from './stack.capturer.js';
import { MomentDeadline } from './moment.deadline.js';
import {
  type FromThreads,
  isSelected,
  MAIN_THREAD,
  type ThreadInfo,
  type ThreadSelection,
} from './thread.selection.js';
import { V8CpuCapturer } from './v8-cpu.capturer.js';
import { Tracer } from './tracer.js';
import type { V8CpuProfile } from '../pprof/v8.profiles.js';

/** What has blocked the main thread's event loop since the watch on it began. @internal */
export interface WatchedBlocks {
  readonly samples: readonly StackSample[];
  readonly startedAt: number;
  readonly thresholdMillis: number;
  /** Where the stacks are from the samples of the flight recorder: how many a second it takes. */
  readonly recordedHz: number | undefined;
}

interface V8CpuProfileRequest {
  /** Node's `threadId`; 0 is the main thread. */
  readonly thread: number;
  readonly seconds: number;
  readonly hz: number;
  readonly signal: AbortSignal;
}

/** The threads of the application, and what can be found out about them. @internal */
export class ApplicationThreads {
  readonly #inspector: Inspector;
  readonly #agent: AgentClient;
  readonly #cpu: CpuCapturer;
  readonly #blocks: BlockCapturer;
  readonly #blockWatcher: BlockWatcher | undefined;
  readonly #stacks: StackCapturer;
  readonly #inspected: InspectedThreads;
  /** Undefined where the options have none. */
  readonly recorder: FlightRecorder | undefined;
  readonly incidents: Incidents | undefined;
  readonly #v8Cpu = new V8CpuCapturer();
  readonly heaps: HeapCapturer;
  readonly snapshots: HeapSnapshotTaker;
  readonly tracer: Tracer;

  constructor(
    channel: AgentChannel,
    private readonly shared: SharedWithMain,
  ) {
    this.#inspector = new Inspector(shared);
    this.#agent = new AgentClient(channel, shared.heartbeat, this.#inspector);
    this.#agent.onExit(() => this.#inspector.closeAll());
    this.#inspected = new InspectedThreads(this.#inspector, shared.heartbeat);
    this.#blocks = new BlockCapturer(this.#agent, this.#inspected, this.#v8Cpu);
    this.#cpu = new CpuCapturer(this.#agent, this.#inspected, this.#v8Cpu, shared.keepWarm);
    if (shared.flightRecorder) {
      this.recorder = new FlightRecorder(this.#cpu.sampler, shared.flightRecorder, shared.restarted);
      this.recorder.start();
    }
    if (shared.block.watch || shared.flightRecorder) {
      const { watch, threshold } = shared.block;
      const blockThreshold = shared.flightRecorder?.blockThreshold ?? threshold;
      const watcher = new BlockWatcher(
        this.#agent,
        watch ? Math.min(threshold, blockThreshold) : blockThreshold,
        watch,
        this.#inspected,
        this.#v8Cpu,
        this.recorder,
      );
      watcher.start();
      this.#blockWatcher = watch ? watcher : undefined;
      if (this.recorder && shared.flightRecorder) {
        this.incidents = new Incidents(watcher, this.recorder, shared.flightRecorder);
        this.incidents.start();
      }
    }
    this.#stacks = new StackCapturer(this.#agent, this.#inspected, this.#v8Cpu);
    this.heaps = new HeapCapturer(this.#agent, this.#inspected, shared.heap);
    this.snapshots = new HeapSnapshotTaker(this.#agent, this.#inspected, shared.temporaryDirectory);
    this.tracer = new Tracer(this.#inspected, this.#agent, this.#inspector.workerStarts);
  }

  /** Whether the main thread's CPU is sampled though nobody captures. */
  get isSampled(): boolean {
    return this.recorder !== undefined || this.#cpu.sampler.isWarm;
  }

  /** What Nest calls when something comes in, as far as the main thread has told. */
  get handlers(): readonly HandlerClass[] {
    return this.shared.handlers;
  }

  /** @throws {CoverageOnError} for worker threads alone, where coverage is counted. */
  async captureCpu(request: CpuRequest): Promise<CpuCapture> {
    if (!isSelected(request.threads, MAIN_THREAD)) {
      this.#inspector.refuseUnderCoverage();
    }
    return this.#cpu.capture(request);
  }

  /**
   * A CPU profile of V8's own, with the time of each sample. Does not disturb, and is not disturbed by, other captures of the
   * thread.
   */
  async captureV8Cpu({ thread, seconds, hz, signal }: V8CpuProfileRequest): Promise<V8CpuProfile> {
    const main = thread === MAIN_THREAD.id ? await this.#agent.observeLoop() : undefined;
    const { profile } = await this.#inspected.useThread(
      thread,
      (sampler, workers) =>
        this.#v8Cpu.capture(sampler, {
          millis: seconds * 1000,
          hz,
          signal,
          ...(main ? main.stuck && { lastTurn: main.lastTurn } : { workers }),
        }),
      signal,
    );
    return profile;
  }

  /** @throws {CoverageOnError} */
  async captureBlocks(request: BlockRequest): Promise<FromThreads<ThreadBlocks>> {
    this.#inspector.refuseUnderCoverage();
    return this.#blocks.capture(request);
  }

  /** Undefined where the options have no watch. */
  async watchedBlocks(): Promise<WatchedBlocks | undefined> {
    const watcher = this.#blockWatcher;
    return (
      watcher && {
        samples: await watcher.collected(),
        startedAt: watcher.startedAt,
        thresholdMillis: watcher.thresholdMillis,
        recordedHz: this.recorder?.hz,
      }
    );
  }

  /** @throws {CoverageOnError} */
  async captureStacks(threads: ThreadSelection, signal: AbortSignal): Promise<FromThreads<ThreadStack>> {
    this.#inspector.refuseUnderCoverage();
    return this.#stacks.capture(threads, signal);
  }

  /** When the main thread's event loop has noted last that it turns, which it does each half second: since the epoch. */
  get lastTurn(): number {
    return lastBeatIn(this.shared.heartbeat);
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
