import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentClient } from './agent.client.js';
import type { InspectedThreads } from './inspected.threads.js';
import { kernelThreadsOf } from './kernel.threads.js';
import { untilAborted } from './abort.race.js';
import { Mutex } from './mutex.js';
import { useThread } from './single.thread.js';
import { MAIN_THREAD } from './thread.info.js';
import { RecordingHeldError, ThreadStuckError, TraceStalledError } from './threads.errors.js';
import { TraceEvents, type TraceEvent } from './trace.events.js';

/** The main thread writes the last events down before it answers. */
const STOP_DEADLINE_MILLIS = 60_000;

/** @internal */
export interface TraceRequest {
  readonly millis: number;
  readonly categories: readonly string[];
  /** Ends the trace at once, without a result. */
  readonly signal: AbortSignal;
}

/** @internal */
export interface Trace {
  readonly events: TraceEvents;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly durationMillis: number;
}

/**
 * Records what V8 and Node say of themselves, in all threads of the process. One at a time: every event is handed to each
 * session that traces, whatever it has asked for, and it is the main thread that writes them down.
 * https://github.com/nodejs/node/blob/main/src/inspector/tracing_agent.cc
 *
 * @internal
 */
export class Tracer {
  readonly #mutex = new Mutex();

  constructor(
    private readonly threads: InspectedThreads,
    private readonly agent: Pick<AgentClient, 'betweenTurns'>,
  ) {}

  /** @throws {RecordingHeldError | TraceStalledError | ThreadUnreachableError} or the signal's reason. */
  async record({ millis, categories, signal }: TraceRequest): Promise<Trace> {
    const release = this.#mutex.tryAcquire();
    if (!release) {
      throw new RecordingHeldError('trace');
    }
    // Where the event loop gets stuck meanwhile it goes on for longer than anybody waits.
    const recorded = this.#record(millis, categories, signal).finally(release);
    const waitedFor = new AbortController();
    try {
      const stalled = sleep(millis + STOP_DEADLINE_MILLIS, undefined, { signal: waitedFor.signal }).then(
        () => {
          throw new TraceStalledError();
        },
      );
      return await untilAborted(signal, Promise.race([recorded, stalled]));
    } finally {
      recorded.catch(() => undefined);
      waitedFor.abort();
    }
  }

  async #record(millis: number, categories: readonly string[], signal: AbortSignal): Promise<Trace> {
    const events = new TraceEvents(categories, await this.#workerNames(signal));
    const startedAt = Date.now();
    const start = performance.now();
    // Not with the signal: an end of the session ends the trace wherever the thread is.
    await useThread(MAIN_THREAD.id, new AbortController().signal, async (target) => {
      target.on<{ value: TraceEvent[] }>('NodeTracing.dataCollected', ({ value }) => events.add(value));
      // Node runs JavaScript of its own where a trace begins or ends: a time limit of the application's (`vm`) that strikes
      // in there is lost. https://github.com/nodejs/node/blob/main/src/env.cc (`UpdateTraceCategoryState`)
      await this.agent
        .betweenTurns(() =>
          target.post('NodeTracing.start', { traceConfig: { includedCategories: categories } }),
        )
        .catch(describeStuck);
      await Promise.race([sleep(millis, undefined, { signal }), events.full]).catch(() => undefined);
      await this.agent.betweenTurns(() => target.post('NodeTracing.stop', {}, STOP_DEADLINE_MILLIS), true);
      // The last events come after the answer, in a message of their own, and before the answer to whatever is asked next.
      await target.post('NodeTracing.getCategories', {}, STOP_DEADLINE_MILLIS);
    });
    signal.throwIfAborted();
    return { events, startedAt, durationMillis: performance.now() - start };
  }

  /** Labels of the workers by the number that the kernel has for them, which is the one in the trace; as far as known. */
  async #workerNames(signal: AbortSignal): Promise<ReadonlyMap<number, string>> {
    const { results } = await this.threads.askWorkers(
      'all',
      ({ target }) => Promise.resolve(target.thread),
      signal,
    );
    const kernelThreads = kernelThreadsOf(results);
    return new Map(
      results.flatMap(({ id, label }) => {
        const kernelId = kernelThreads?.get(id);
        return kernelId === undefined ? [] : [[kernelId, label] as const];
      }),
    );
  }
}

function describeStuck(error: unknown): never {
  throw error instanceof ThreadStuckError ? new TraceStalledError(error) : error;
}
