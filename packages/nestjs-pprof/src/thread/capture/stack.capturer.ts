import { messageOf } from '../../shared/error.message.js';
import { framesWithLine, isIdle, PROGRAM } from '../pprof/v8.profiles.js';
import { type Frame, isMark } from '../pprof/profile.model.js';
import { askWorkers, type FromThreads } from './inspected.workers.js';
import { InspectorConnection } from './inspector.connection.js';
import type { InspectorTarget } from './inspector.target.js';
import type { LoopObserver } from './loop.observer.js';
import { isSelected, MAIN_THREAD, type ThreadInfo, type ThreadSelection } from './thread.info.js';
import { InspectorUnavailableError, NoThreadError } from './threads.errors.js';
import { captureV8Cpu } from './v8-cpu.capture.js';

/** The stack that a thread is in now is the last sample of a profile as short as this. */
const LOOK = { millis: 20, hz: 1000 };

/** @internal */
export interface ThreadStack {
  readonly thread: ThreadInfo;
  /** `waiting`: in its event loop, for something to happen. */
  readonly state: 'running' | 'waiting' | 'stuck';
  readonly frames: readonly Frame[];
  /** Since when the event loop has not turned, milliseconds since the epoch; only of a stuck main thread. */
  readonly stuckSince?: number;
  /** What keeps the event loop alive; only of a main thread that is not stuck. */
  readonly activeResources?: readonly string[];
}

/** Finds out what every thread is doing at this moment. @internal */
export class StackCapturer {
  constructor(private readonly loop: LoopObserver) {}

  /** @throws {NoThreadError} or the signal's reason. */
  async capture(threads: ThreadSelection, signal: AbortSignal): Promise<FromThreads<ThreadStack>> {
    const [main, workers] = await Promise.all([
      isSelected(threads, MAIN_THREAD) ? this.#ofMain(signal) : { results: [], skipped: [] },
      askWorkers(threads, (target) => stackOf(target, signal, false), signal),
    ]);
    const results = [...main.results, ...workers.results].toSorted((a, b) => a.thread.id - b.thread.id);
    const skipped = [...main.skipped, ...workers.skipped];
    if (results.length === 0) {
      throw new NoThreadError(skipped);
    }
    return { results, skipped };
  }

  async #ofMain(signal: AbortSignal): Promise<FromThreads<ThreadStack>> {
    const { stuck, lastTurn, description } = await this.loop.observe();
    try {
      const stack = await InspectorConnection.using(
        (connection) => stackOf(connection, signal, stuck),
        signal,
      );
      const known = {
        ...(description && { activeResources: description.activeResources }),
        ...(stuck && { state: 'stuck' as const, stuckSince: lastTurn }),
      };
      return { results: [{ ...stack, ...known }], skipped: [] };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof InspectorUnavailableError) {
        throw error;
      }
      const since = stuck ? ` (its event loop has not turned since ${toIso(lastTurn)})` : '';
      const message = messageOf(error);
      return { results: [], skipped: [`main: ${message}${since}`] };
    }
  }
}

async function stackOf(target: InspectorTarget, signal: AbortSignal, stuck: boolean): Promise<ThreadStack> {
  const { thread } = target;
  const timeline = await captureV8Cpu(target, { ...LOOK, signal, stuck });
  // The very last samples may be of the inspector, as it takes the request to stop.
  const last = timeline.findLast(({ stack }) => !isMark(stack.frames[0], PROGRAM)) ?? timeline.at(-1);
  const state = !last || isIdle(last) ? 'waiting' : 'running';
  return { thread, state, frames: last ? framesWithLine(last.stack) : [] };
}

function toIso(millis: number): string {
  return new Date(millis).toISOString();
}
