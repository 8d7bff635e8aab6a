import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { monotonicMillis } from '../../shared/agent.protocol.js';
import { cpuBetween, threadCpuNanos } from '../../shared/thread-cpu.clock.js';
import { timelineOf, type TimedStack, type V8CpuProfile } from '../pprof/v8.profiles.js';
import type { AgentClient } from './agent.client.js';
import type { InspectedThreads } from './inspected.threads.js';
import { cpuNanosOfMain, kernelCpu, kernelThreadsOf } from './kernel.threads.js';
import { untilAborted } from './single.flight.js';
import type { SampledSegment } from './cpu.rotation.js';
import { type CpuCaptureRequest, SharedCpuSampler } from './shared-cpu.sampler.js';
import {
  Answers,
  isSelected,
  joined,
  MAIN_THREAD,
  selectsWorkers,
  type ThreadInfo,
  type ThreadSelection,
} from './thread.selection.js';
import {
  ThreadStuckError,
  CaptureStuckError,
  ConnectionClosedError,
  noteOfStarved,
} from './threads.errors.js';
import type { V8CpuCapturer, V8CpuRequest } from './v8-cpu.capturer.js';
import type { V8Sampler } from './v8.sampler.js';
import type { WorkersInUse } from './workers.session.js';

/** Less of a window is not worth interrupting a thread that has just started. */
const SHORTEST_WINDOW_MILLIS = 20;

/** Node 22.23, 24.21 and later. */
const HAS_WORKER_CLOCKS = 'cpuUsage' in Worker.prototype;

/** How long a thread that got stuck during the capture is sampled. */
const STUCK_WINDOW_MILLIS = 500;

/** @internal */
export interface CpuRequest extends CpuCaptureRequest {
  readonly threads: ThreadSelection;
}

interface V8CpuProfileRequest extends Omit<CpuCaptureRequest, 'labels'> {
  /** Node's `threadId`; 0 is the main thread. */
  readonly thread: number;
}

/** What one thread was doing, and how that was found out. @internal */
export type ThreadCpu =
  | { readonly by: 'agent'; readonly thread: ThreadInfo; readonly segments: readonly SampledSegment[] }
  | {
      readonly by: 'inspector';
      readonly thread: ThreadInfo;
      readonly timeline: readonly TimedStack[];
      readonly stuck: boolean;
      /** What had to be done to see the stacks. */
      readonly note?: string | undefined;
      /** CPU time that the kernel says the thread has used; undefined where that is not known. */
      readonly cpuNanos?: number | undefined;
    };

/** @internal */
export interface CpuCapture {
  /** Which threads were asked for. */
  readonly selection: ThreadSelection;
  /** Samples per second that were asked for; segments of the main thread may have more. */
  readonly hz: number;
  /** Whether labels were asked for. */
  readonly labels: boolean;
  readonly threads: readonly ThreadCpu[];
  /** Threads that were asked for and could not be profiled, each with the reason. */
  readonly skipped: readonly string[];
  /** Threads that ended during the capture, and with them what they were doing. */
  readonly ended: readonly string[];
  /** CPU time of the whole process in the window, in nanoseconds. */
  readonly processCpuNanos: number;
  /** CPU time of the profiling thread in the window; undefined where it cannot be measured. */
  readonly profilerCpuNanos: number | undefined;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly durationNanos: number;
}

/** Takes CPU profiles of all the application's threads at once. @internal */
export class CpuCapturer {
  readonly sampler: SharedCpuSampler;

  constructor(
    private readonly agent: AgentClient,
    private readonly threads: InspectedThreads,
    private readonly v8: V8CpuCapturer,
    keepWarmSeconds: number,
  ) {
    this.sampler = new SharedCpuSampler(agent, keepWarmSeconds * 1000);
  }

  /** @throws {AgentFailureError | NoThreadError} or the signal's reason. */
  async capture(request: CpuRequest): Promise<CpuCapture> {
    if (!isSelected(request.threads, MAIN_THREAD)) {
      this.threads.inspector.refuseUnderCoverage();
    }
    const run = new CpuCaptureRun(request, this.agent, this.sampler, this.threads, this.v8);
    try {
      return await run.result();
    } finally {
      run.close();
    }
  }

  /** A profile of V8's own, with the time of each sample. It does not disturb other captures of the thread, nor they it. */
  async captureV8({ thread, seconds, hz, signal }: V8CpuProfileRequest): Promise<V8CpuProfile> {
    const main = thread === MAIN_THREAD.id ? await this.agent.observeLoop() : undefined;
    const { profile } = await this.threads.useThread(
      thread,
      (sampler, workers) =>
        this.v8.capture(sampler, {
          millis: seconds * 1000,
          hz,
          signal,
          ...(main ? main.stuck && { lastTurn: main.lastTurn } : { workers }),
        }),
      signal,
    );
    return profile;
  }
}

function differenceOf(
  id: number,
  before: number | undefined,
  after: number | undefined,
): Array<[number, number]> {
  const nanos = cpuBetween(before, after);
  return nanos === undefined ? [] : [[id, nanos]];
}

/** One capture, from its request to its result. */
class CpuCaptureRun {
  readonly #answers: Answers<ThreadCpu>;
  readonly #ended: string[] = [];
  readonly #workers = new Set<Promise<void>>();
  readonly #endsAt: number;
  readonly #stopListening: () => void;
  readonly #closed = new AbortController();
  /** Fires when the client disconnects and when the run is over, whatever the reason. */
  readonly #signal: AbortSignal;
  #inUse: WorkersInUse | undefined;

  constructor(
    private readonly request: CpuRequest,
    private readonly agent: AgentClient,
    private readonly sampler: SharedCpuSampler,
    private readonly inspected: InspectedThreads,
    private readonly v8: V8CpuCapturer,
  ) {
    this.#answers = new Answers(request.threads);
    this.#signal = AbortSignal.any([request.signal, this.#closed.signal]);
    // One listener a thread that is profiled, which may be many.
    setMaxListeners(0, this.#signal);
    this.#signal.addEventListener('abort', () => this.#releaseWorkers(), { once: true });
    this.#endsAt = monotonicMillis() + request.seconds * 1000;
    this.#stopListening = selectsWorkers(request.threads)
      ? agent.onWorkerStarted(() => void this.#attachWorkers())
      : () => undefined;
  }

  async result(): Promise<CpuCapture> {
    const { threads, signal } = this.request;
    const startedAt = Date.now();
    const start = { nanos: process.hrtime.bigint(), cpu: process.cpuUsage(), own: threadCpuNanos() };
    const workerCpu = selectsWorkers(threads) ? this.#measureWorkers() : undefined;
    await Promise.all([
      isSelected(threads, MAIN_THREAD) ? this.#captureMain() : undefined,
      selectsWorkers(threads) ? this.#attachWorkers() : undefined,
    ]);
    if (this.#inUse) {
      // Until then workers may start, or become old enough to be sampled.
      await workerCpu;
    }
    await Promise.all(this.#workers);
    signal.throwIfAborted();
    const { results, skipped } = joined(threads, [this.#answers], this.#ended);
    const { user, system } = process.cpuUsage(start.cpu);
    const profilerCpuNanos = cpuBetween(start.own, threadCpuNanos());
    const segments = results.flatMap((thread) => (thread.by === 'agent' ? thread.segments : []));
    const cpuOfWorkers = await workerCpu;
    return {
      selection: threads,
      hz: this.request.hz,
      labels: this.request.labels,
      threads: results.map((entry) =>
        entry.by === 'inspector' && entry.thread !== MAIN_THREAD
          ? { ...entry, cpuNanos: cpuOfWorkers?.get(entry.thread.id) }
          : entry,
      ),
      skipped,
      ended: this.#ended,
      processCpuNanos: (user + system) * 1000,
      profilerCpuNanos,
      startedAt: segments[0]?.startedAt ?? startedAt,
      durationNanos:
        segments.length > 0
          ? segments.reduce((total, segment) => total + segment.durationNanos, 0)
          : Number(process.hrtime.bigint() - start.nanos),
    };
  }

  /** CPU time of each worker in the window, by `threadId`: by the kernel, else by Node, as far as they tell. */
  async #measureWorkers(): Promise<ReadonlyMap<number, number>> {
    const before = kernelCpu();
    const nodeBefore = this.#readWorkerClocks();
    await sleep(this.request.seconds * 1000, undefined, { signal: this.#signal }).catch(() => undefined);
    const after = kernelCpu();
    const workers = this.#inUse?.threads ?? [];
    const kernelIds = before && after && kernelThreadsOf(workers);
    if (kernelIds) {
      return new Map(
        [...kernelIds].flatMap(([id, tid]) => differenceOf(id, before.get(tid) ?? 0, after.get(tid))),
      );
    }
    const nodeAfter = workers.length > 0 ? this.#readWorkerClocks() : undefined;
    const [first, last] = await Promise.all([nodeBefore, nodeAfter]);
    // One that has started since has used nothing before.
    return new Map(
      [...(last ?? [])].flatMap(([id, nanos]) =>
        first ? differenceOf(id, first.has(id) ? first.get(id) : 0, nanos) : [],
      ),
    );
  }

  /** @returns undefined where this Node does not tell, or main cannot be asked. */
  async #readWorkerClocks(): Promise<ReadonlyMap<number, number | undefined> | undefined> {
    return HAS_WORKER_CLOCKS && !this.#signal.aborted
      ? this.agent.request('readWorkerClocks', null, 0).catch(() => undefined)
      : undefined;
  }

  close(): void {
    this.#closed.abort();
    this.#stopListening();
  }

  async #captureMain(): Promise<void> {
    try {
      const segments = await this.sampler.capture({ ...this.request, signal: this.#signal });
      this.#answers.results.push({ by: 'agent', thread: MAIN_THREAD, segments });
    } catch (error) {
      if (!(error instanceof ThreadStuckError)) {
        throw error;
      }
      // Nor can workers be profiled then.
      this.inspected.inspector.refuseUnderCoverage();
      const lost = error instanceof CaptureStuckError;
      if (lost) {
        this.#answers.skipped.push(
          'main, until its event loop got stuck: that part can be read when the loop turns again; what is shown is what it is stuck in',
        );
      }
      const millis = lost ? STUCK_WINDOW_MILLIS : this.request.seconds * 1000;
      const lastTurn = error.isStuck ? this.inspected.lastTurn : undefined;
      await this.inspected.useMain(
        (sampler) => this.#captureByInspector(sampler, { millis, lastTurn }, noteOfStarved(error.silence)),
        this.#signal,
      );
    }
  }

  /** Uses the session only where there are workers: an open one is seen when the process exits. */
  async #attachWorkers(): Promise<void> {
    if (this.#inUse || this.#signal.aborted) {
      return;
    }
    try {
      const inUse = this.inspected.useWorkers((sampler) => {
        const remaining = this.#endsAt - monotonicMillis();
        if (remaining >= SHORTEST_WINDOW_MILLIS) {
          const workers = () => this.#inUse?.threads ?? [];
          this.#workers.add(this.#captureByInspector(sampler, { millis: remaining, workers }));
        }
      });
      this.#inUse = inUse;
      await untilAborted(this.#signal, inUse.told);
      if (inUse.threads.length === 0) {
        this.#releaseWorkers();
      }
    } catch (error) {
      this.#releaseWorkers();
      if (!this.#signal.aborted && !(error instanceof ConnectionClosedError)) {
        this.#answers.skipWorkers(error);
      }
    }
  }

  #releaseWorkers(): void {
    this.#inUse?.release();
    this.#inUse = undefined;
  }

  #captureByInspector(
    sampler: V8Sampler,
    request: Pick<V8CpuRequest, 'millis' | 'lastTurn' | 'workers'>,
    known?: string,
  ): Promise<void> {
    const { thread } = sampler.target;
    const capture = async (): Promise<ThreadCpu> => {
      // Of workers the kernel is asked when all are known.
      const before = thread === MAIN_THREAD ? cpuNanosOfMain() : undefined;
      const begun = monotonicMillis();
      const { hz } = this.request;
      const { profile, note } = await this.v8.capture(sampler, { ...request, hz, signal: this.#signal });
      const used = cpuBetween(before, cpuNanosOfMain());
      // It may have been sampled before the window, and for longer.
      const part = (profile.endTime - profile.startTime) / 1000 / (monotonicMillis() - begun);
      const cpuNanos = used === undefined ? undefined : Math.round(used * part);
      return {
        by: 'inspector',
        thread,
        timeline: timelineOf(profile),
        stuck: request.lastTurn !== undefined,
        note: note ?? known,
        cpuNanos,
      };
    };
    // That the client has disconnected is checked when all are done.
    return this.#answers.take(thread, capture, () => this.#ended.push(thread.label));
  }
}
