import { type Frame, isMark } from '../pprof/profile.model.js';
import { framesWithLine, GARBAGE_COLLECTOR, isIdle, PROGRAM, timelineOf } from '../pprof/v8.profiles.js';
import type { AgentClient } from './agent.client.js';
import type { InspectedThreads } from './inspected.threads.js';
import { MomentDeadline } from './moment.deadline.js';
import { SingleFlight } from './single.flight.js';
import {
  type FromThreads,
  fromThreads,
  MAIN_THREAD,
  mainOrSkipped,
  type ThreadInfo,
  type ThreadSelection,
} from './thread.selection.js';
import { noteOfStarved } from './threads.errors.js';
import type { V8CpuCapturer, V8CpuRequest } from './v8-cpu.capturer.js';
import type { V8Sampler } from './v8.sampler.js';

/** The stack that a thread is in now is the last sample of a profile as short as this, or as four samples take. */
const MOMENT_MILLIS = 20;
const MOMENT_SAMPLES = 4;

/** Samples a second of all threads together: each costs some ten microseconds, and starved threads are slow to end it. */
const SAMPLES_OF_ALL = 2000;
const MOST_HZ = 1000;

/** @internal */
export interface ThreadStack {
  readonly thread: ThreadInfo;
  /** `waiting`: in its event loop, for something to happen. */
  readonly state: 'running' | 'waiting' | 'stuck';
  readonly frames: readonly Frame[];
  /** Since when the event loop has not turned, milliseconds since the epoch; only of a main thread that has not answered. */
  readonly silentSince?: number;
  /** The part of the time it was waited for in which it had no processor; only of one that is not stuck for all that is known. */
  readonly starved?: number;
  /** What keeps the event loop alive; only of a main thread that is not stuck. */
  readonly activeResources?: readonly string[];
  /** What had to be done to see the stack. */
  readonly note?: string | undefined;
}

/** Finds out what every thread is doing at this moment. @internal */
export class StackCapturer {
  /** By thread: who asks for others as well has the same answer for this one. */
  readonly #moments = new SingleFlight<V8Sampler | typeof MAIN_THREAD, ThreadStack>();

  constructor(
    private readonly agent: AgentClient,
    private readonly threads: InspectedThreads,
    private readonly cpu: V8CpuCapturer,
  ) {}

  /** @throws {NoThreadError} or the signal's reason. */
  async capture(selection: ThreadSelection, signal: AbortSignal): Promise<FromThreads<ThreadStack>> {
    this.threads.inspector.refuseUnderCoverage();
    return MomentDeadline.during(signal, (moment) => {
      const { hurry } = moment;
      const ofMain = (limited: AbortSignal) =>
        this.#moments.join(MAIN_THREAD, limited, (running) => this.#ofMain({ signal: running, hurry }));
      return fromThreads(
        selection,
        () =>
          mainOrSkipped(
            () => moment.answerOf(MAIN_THREAD, ofMain),
            signal,
            (message) => this.#withSilence(message),
          ),
        () =>
          this.threads.askWorkers(
            selection,
            (sampler, workers, limited) =>
              this.#moments.join(sampler, limited, (running) =>
                this.#stackOf(sampler, { ...momentOf(workers().length), signal: running, hurry, workers }),
              ),
            signal,
            moment,
          ),
      );
    });
  }

  async #ofMain(request: Pick<V8CpuRequest, 'signal' | 'hurry'>): Promise<ThreadStack> {
    const { stuck, lastTurn, description, silence } = await this.agent.observeLoop();
    const moment = { ...momentOf(1), ...request, lastTurn: stuck ? lastTurn : undefined };
    const stack = await this.threads.useMain((sampler) => this.#stackOf(sampler, moment), request.signal);
    return {
      ...stack,
      note: stack.note ?? noteOfStarved(silence),
      ...(description && { activeResources: description.activeResources }),
      ...(silence && { silentSince: lastTurn }),
      ...(stuck && { state: 'stuck' }),
      ...(silence && !stuck && { starved: silence.withoutProcessorMillis / silence.millis }),
    };
  }

  /** Whoever is told that main cannot be reached is told what is known of its event loop, too. */
  #withSilence(message: string): string {
    const since = this.agent.silentSince;
    return since === undefined
      ? message
      : `${message} (its event loop has not turned since ${new Date(since).toISOString()})`;
  }

  async #stackOf(sampler: V8Sampler, request: V8CpuRequest): Promise<ThreadStack> {
    const { thread } = sampler.target;
    const { profile, note } = await this.cpu.capture(sampler, request);
    const timeline = timelineOf(profile);
    // The very last samples may be of the inspector, which takes the request to stop, and may collect garbage for it.
    const last = timeline.findLast(({ stack }) => !isStackless(stack.frames[0])) ?? timeline.at(-1);
    const state = !last || isIdle(last) ? 'waiting' : 'running';
    return { thread, state, frames: last ? framesWithLine(last.stack) : [], note };
  }
}

/** Where V8 shows no stack, the thread goes on with that of the sample before. */
function isStackless(frame: Frame | undefined): boolean {
  return isMark(frame, PROGRAM) || isMark(frame, GARBAGE_COLLECTOR);
}

/** @param threads how many there are that are asked at the same time */
function momentOf(threads: number): Pick<V8CpuRequest, 'millis' | 'hz' | 'untilNow'> {
  const hz = Math.min(MOST_HZ, SAMPLES_OF_ALL / Math.max(1, threads));
  return { millis: Math.max(MOMENT_MILLIS, (MOMENT_SAMPLES * 1000) / hz), hz, untilNow: true };
}
