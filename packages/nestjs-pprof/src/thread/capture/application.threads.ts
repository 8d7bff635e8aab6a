import type { HandlerClass } from '../../shared/agent.protocol.js';
import { lastTurnIn } from './last.turn.js';
import type { SharedWithMain } from '../../shared/thread.protocol.js';
import type { RunningScript } from '../pprof/running.texts.js';
import { AgentClient, type AgentChannel, type LoopState } from './agent.client.js';
import { BlockCapturer } from './block.capturer.js';
import { BlockWatcher } from './block.watcher.js';
import { CpuCapturer } from './cpu.capturer.js';
import { FlightRecorder } from './flight.recorder.js';
import { HeapCapturer } from './heap.capturer.js';
import { HeapSnapshotTaker } from './heap.snapshot.js';
import { Incidents } from './incidents.js';
import { InspectedThreads } from './inspected.threads.js';
import { Inspector } from './inspector.connection.js';
import { MomentDeadline } from './moment.deadline.js';
import { runningScripts } from './running.scripts.js';
import { StackCapturer } from './stack.capturer.js';
import type { FromThreads, ThreadInfo } from './thread.selection.js';
import { Tracer } from './tracer.js';
import { V8CpuCapturer } from './v8-cpu.capturer.js';

/** The threads of the application, and what can be found out about them. @internal */
export class ApplicationThreads {
  readonly #agent: AgentClient;
  readonly #inspected: InspectedThreads;
  readonly cpu: CpuCapturer;
  readonly blocks: BlockCapturer;
  readonly stacks: StackCapturer;
  readonly heaps: HeapCapturer;
  readonly snapshots: HeapSnapshotTaker;
  readonly tracer: Tracer;
  /** These three are undefined where the options have none. */
  readonly recorder: FlightRecorder | undefined;
  readonly incidents: Incidents | undefined;
  readonly blockWatcher: BlockWatcher | undefined;

  constructor(
    channel: AgentChannel,
    private readonly shared: SharedWithMain,
  ) {
    const { block, flightRecorder } = shared;
    const inspector = new Inspector(shared);
    const agent = new AgentClient(channel, shared.heartbeat, inspector);
    const inspected = new InspectedThreads(inspector, shared.heartbeat);
    const v8 = new V8CpuCapturer();
    agent.onExit(() => inspector.closeAll());
    this.#agent = agent;
    this.#inspected = inspected;
    this.cpu = new CpuCapturer(agent, inspected, v8, shared.keepWarm);
    this.blocks = new BlockCapturer(agent, inspected, v8);
    this.stacks = new StackCapturer(agent, inspected, v8);
    this.heaps = new HeapCapturer(agent, inspected, shared.heap);
    this.snapshots = new HeapSnapshotTaker(agent, inspected, shared.temporaryDirectory);
    this.tracer = new Tracer(inspected, agent, inspector.workerStarts);
    if (flightRecorder) {
      this.recorder = new FlightRecorder(this.cpu.sampler, flightRecorder, shared.restarted);
      this.recorder.start();
    }
    if (block.watch || flightRecorder) {
      const threshold = Math.min(
        block.watch ? block.threshold : Infinity,
        flightRecorder?.blockThreshold ?? Infinity,
      );
      const watcher = new BlockWatcher(agent, threshold, block.watch, inspected, v8, this.recorder);
      watcher.start();
      this.blockWatcher = block.watch ? watcher : undefined;
      if (this.recorder && flightRecorder) {
        this.incidents = new Incidents(watcher, this.recorder, flightRecorder);
        this.incidents.start();
      }
    }
  }

  /** Whether the main thread's CPU is sampled though nobody captures. */
  get isSampled(): boolean {
    return this.recorder !== undefined || this.cpu.sampler.isWarm;
  }

  /** What Nest calls when something comes in, as far as the main thread has told. */
  get handlers(): readonly HandlerClass[] {
    return this.shared.handlers;
  }

  /** When the main thread's event loop has noted last that it turns, which it does each half second: since the epoch. */
  get lastTurn(): number {
    return lastTurnIn(this.shared.heartbeat);
  }

  observeLoop(): Promise<LoopState> {
    return this.#agent.observeLoop();
  }

  /** See `ScriptsOf`. */
  runningScripts(names: ReadonlySet<string>): Promise<ReadonlyMap<string, readonly RunningScript[]>> {
    return runningScripts(this.#inspected.inspector, names);
  }

  /** The worker threads there are; they are not interrupted. */
  async listWorkers(signal: AbortSignal): Promise<FromThreads<ThreadInfo>> {
    const { results, skipped } = await MomentDeadline.during(signal, (moment) =>
      this.#inspected.listWorkers(signal, moment),
    );
    return { results: results.toSorted((a, b) => a.id - b.id), skipped };
  }
}
