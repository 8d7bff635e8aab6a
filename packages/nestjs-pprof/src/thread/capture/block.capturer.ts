import { type LoopWatchRequest, monotonicMillis } from '../../shared/agent.protocol.js';
import { type LoopBlock, LoopWatchMemory } from '../../shared/shared.memory.js';
import type { StackSample } from '../pprof/profile.model.js';
import { timelineOf, type TimedStack } from '../pprof/v8.profiles.js';
import type { AgentClient } from './agent.client.js';
import { attributeBlocks, busyStretches, longTurns } from './block.attribution.js';
import type { InspectedThreads } from './inspected.threads.js';
import type { OwnStalls } from './own.stalls.js';
import {
  type FromThreads,
  fromThreads,
  MAIN_THREAD,
  mainOrSkipped,
  type ThreadInfo,
  type ThreadSelection,
} from './thread.selection.js';
import { noteOfStarved, ThreadStuckError } from './threads.errors.js';
import type { V8CpuCapturer } from './v8-cpu.capturer.js';
import type { V8Sampler } from './v8.sampler.js';

/** Often enough for a few samples in each turn that is longer than the default threshold. */
const HZ = 200;

/** @internal */
export interface BlockRequest {
  readonly seconds: number;
  readonly thresholdMillis: number;
  readonly threads: ThreadSelection;
  readonly signal: AbortSignal;
}

/** What kept the event loop of a thread from turning: samples of contentions and nanoseconds. @internal */
export interface ThreadBlocks {
  readonly thread: ThreadInfo;
  readonly samples: readonly StackSample[];
  readonly stuck: boolean;
  /** What had to be done to see the stacks. */
  readonly note?: string | undefined;
  /** Of the window that was seen. */
  readonly durationNanos: number;
}

/** Captures what keeps event loops from turning, for a window of time. @internal */
export class BlockCapturer {
  #nextWatchId = 1;

  constructor(
    private readonly agent: AgentClient,
    private readonly threads: InspectedThreads,
    private readonly cpu: V8CpuCapturer,
  ) {}

  /** @throws {NoThreadError} or the signal's reason. */
  async capture(request: BlockRequest): Promise<FromThreads<ThreadBlocks>> {
    const { threads: selection, signal } = request;
    this.threads.inspector.refuseUnderCoverage();
    return fromThreads(
      selection,
      () => mainOrSkipped(() => this.#ofMain(request), signal),
      () =>
        this.threads.askWorkers(
          selection,
          (sampler, workers) => this.#ofWorker(sampler, workers, request),
          signal,
        ),
    );
  }

  async #ofWorker(
    sampler: V8Sampler,
    workers: () => readonly ThreadInfo[],
    { seconds, thresholdMillis, signal }: BlockRequest,
  ): Promise<ThreadBlocks> {
    const window = { millis: seconds * 1000, hz: HZ, signal, workers };
    const { profile, note } = await this.cpu.capture(sampler, window);
    const timeline = timelineOf(profile);
    const blocks = busyStretches(timeline, thresholdMillis * 1000);
    return blocksOf(sampler.target.thread, blocks, timeline, false, note);
  }

  async #ofMain({ seconds, thresholdMillis, signal }: BlockRequest): Promise<ThreadBlocks> {
    const id = this.#nextWatchId++;
    const watch = new LoopWatchMemory();
    try {
      const silent = await this.#startWatch({ id, thresholdMillis, memory: watch.buffer });
      const stuck = silent?.isStuck ?? false;
      const lastTurn = stuck ? this.threads.lastTurn : undefined;
      const { profile, clockOffset, note } = await this.threads.useMain(
        (sampler) => this.cpu.capture(sampler, { millis: seconds * 1000, hz: HZ, signal, lastTurn }),
        signal,
      );
      const timeline = timelineOf(profile);
      const thresholdMicros = thresholdMillis * 1000;
      const blocks = silent
        ? busyStretches(timeline, thresholdMicros)
        : blocksIn(timeline, watch, this.threads.inspector.ownStalls, clockOffset, thresholdMicros);
      return blocksOf(MAIN_THREAD, blocks, timeline, stuck, note ?? noteOfStarved(silent?.silence));
    } finally {
      void this.agent.requestPatiently('stopLoopWatch', id).catch(() => undefined);
    }
  }

  /** @returns why nothing can be started there, where that is so. */
  async #startWatch(request: LoopWatchRequest): Promise<ThreadStuckError | undefined> {
    try {
      await this.agent.request('startLoopWatch', request);
      return undefined;
    } catch (error) {
      if (error instanceof ThreadStuckError) {
        return error;
      }
      throw error;
    }
  }
}

/**
 * Turns of the main thread's event loop in the window that took longer than the threshold.
 *
 * @param clockOffset what has to be added to the times of the watch for those of the timeline
 */
function blocksIn(
  timeline: readonly TimedStack[],
  watch: LoopWatchMemory,
  ownStalls: OwnStalls,
  clockOffset: number,
  thresholdMicros: number,
): LoopBlock[] {
  const begin = timeline[0]?.from ?? 0;
  const end = timeline.at(-1)?.to ?? 0;
  const inWindow = (blocks: readonly LoopBlock[]) =>
    ownStalls
      .without(blocks, thresholdMicros)
      .map(({ from, to }) => ({
        from: Math.max(from + clockOffset, begin),
        to: Math.min(to + clockOffset, end),
      }))
      .filter(({ from, to }) => to - from > thresholdMicros);
  // One that is going on has not been noted by the watch, whose timer it holds up.
  const ongoing = inWindow([{ from: watch.lastTick, to: monotonicMillis() * 1000 }]);
  return [...inWindow(watch.blocksFrom(0)), ...longTurns(ongoing, timeline, thresholdMicros)];
}

function blocksOf(
  thread: ThreadInfo,
  blocks: readonly LoopBlock[],
  timeline: readonly TimedStack[],
  stuck: boolean,
  note: string | undefined,
): ThreadBlocks {
  const durationNanos = Math.round(((timeline.at(-1)?.to ?? 0) - (timeline[0]?.from ?? 0)) * 1000);
  return { thread, samples: attributeBlocks(blocks, timeline), stuck, durationNanos, note };
}
