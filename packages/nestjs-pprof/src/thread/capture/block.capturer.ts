import { messageOf } from '../../shared/error.message.js';
import { monotonicMillis } from '../../shared/agent.protocol.js';
import { type LoopBlock, LoopWatchMemory } from '../../shared/loop-watch.memory.js';
import type { StackSample } from '../pprof/profile.model.js';
import type { TimedStack } from '../pprof/v8.profiles.js';
import type { AgentClient } from './agent.client.js';
import { attributeBlocks, busyStretches, longTurns } from './block.attribution.js';
import { askWorkers, type FromThreads } from './inspected.workers.js';
import { InspectorConnection } from './inspector.connection.js';
import { isSelected, MAIN_THREAD, type ThreadInfo, type ThreadSelection } from './thread.info.js';
import { InspectorUnavailableError, NoThreadError, ThreadStuckError } from './threads.errors.js';
import { captureV8Cpu } from './v8-cpu.capture.js';

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
  /** Of the window that was seen. */
  readonly durationNanos: number;
}

/** Captures what keeps event loops from turning, for a window of time. @internal */
export class BlockCapturer {
  #nextWatchId = 1;

  constructor(private readonly agent: AgentClient) {}

  /** @throws {NoThreadError} or the signal's reason. */
  async capture(request: BlockRequest): Promise<FromThreads<ThreadBlocks>> {
    const { threads, seconds, thresholdMillis, signal } = request;
    const [main, workers] = await Promise.all([
      isSelected(threads, MAIN_THREAD) ? this.#ofMain(request) : { results: [], skipped: [] },
      askWorkers(
        threads,
        async (target): Promise<ThreadBlocks> => {
          const timeline = await captureV8Cpu(target, {
            millis: seconds * 1000,
            hz: HZ,
            signal,
            stuck: false,
          });
          const blocks = busyStretches(timeline, thresholdMillis * 1000);
          return {
            thread: target.thread,
            samples: attributeBlocks(blocks, timeline),
            stuck: false,
            durationNanos: durationOf(timeline),
          };
        },
        signal,
      ),
    ]);
    const results = [...main.results, ...workers.results].toSorted((a, b) => a.thread.id - b.thread.id);
    const skipped = [...main.skipped, ...workers.skipped];
    if (results.length === 0) {
      throw new NoThreadError(skipped);
    }
    return { results, skipped };
  }

  async #ofMain(request: BlockRequest): Promise<FromThreads<ThreadBlocks>> {
    const id = this.#nextWatchId++;
    const watch = new LoopWatchMemory();
    try {
      const stuck = await this.#startWatch({
        id,
        thresholdMillis: request.thresholdMillis,
        memory: watch.buffer,
      });
      const blocks = await InspectorConnection.using(
        (connection) => blocksWhileCapturing(connection, request, watch, stuck),
        request.signal,
      );
      return { results: [blocks], skipped: [] };
    } catch (error) {
      request.signal.throwIfAborted();
      if (error instanceof InspectorUnavailableError) {
        throw error;
      }
      return { results: [], skipped: [`main: ${messageOf(error)}`] };
    } finally {
      void this.agent.requestPatiently('stopLoopWatch', id).catch(() => undefined);
    }
  }

  /** @returns whether the loop is stuck, so that nothing can be started there. */
  async #startWatch(request: {
    id: number;
    thresholdMillis: number;
    memory: SharedArrayBuffer;
  }): Promise<boolean> {
    try {
      await this.agent.request('startLoopWatch', request);
      return false;
    } catch (error) {
      if (error instanceof ThreadStuckError) {
        return true;
      }
      throw error;
    }
  }
}

async function blocksWhileCapturing(
  connection: InspectorConnection,
  { seconds, thresholdMillis, signal }: BlockRequest,
  watch: LoopWatchMemory,
  stuckFromTheStart: boolean,
): Promise<ThreadBlocks> {
  const timeline = await captureV8Cpu(connection, {
    millis: seconds * 1000,
    hz: HZ,
    signal,
    stuck: stuckFromTheStart,
  });
  const thresholdMicros = thresholdMillis * 1000;
  const begin = timeline[0]?.from ?? 0;
  // What comes after it is the end of the capture itself, which holds the loop up.
  const end = Math.min(timeline.at(-1)?.to ?? 0, begin + seconds * 1e6);
  const inWindow = (blocks: readonly LoopBlock[]) =>
    blocks
      .map(({ from, to }) => ({ from: Math.max(from, begin), to: Math.min(to, end) }))
      .filter(({ from, to }) => to - from > thresholdMicros);
  // One that is going on has not been noted by the watch, whose timer it holds up.
  const ongoing = inWindow([{ from: watch.lastTick, to: monotonicMillis() * 1000 }]);
  const blocks = stuckFromTheStart
    ? busyStretches(timeline, thresholdMicros)
    : [...inWindow(watch.blocksFrom(0)), ...longTurns(ongoing, timeline, thresholdMicros)];
  return {
    thread: MAIN_THREAD,
    samples: attributeBlocks(blocks, timeline),
    stuck: stuckFromTheStart,
    durationNanos: Math.round((end - begin) * 1000),
  };
}

function durationOf(timeline: readonly TimedStack[]): number {
  return Math.round(((timeline.at(-1)?.to ?? 0) - (timeline[0]?.from ?? 0)) * 1000);
}
