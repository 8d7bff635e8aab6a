import { setTimeout as sleep } from 'node:timers/promises';
import { PprofError } from '../../shared/pprof.error.js';
import type { AgentClient } from './agent.client.js';
import type { InspectedThreads } from './inspected.threads.js';
import { kernelThreadsOf, ownKernelThread } from './kernel.threads.js';
import { untilAborted } from './single.flight.js';
import { Mutex } from './mutex.js';
import { MAIN_THREAD } from './thread.selection.js';
import { RecordingHeldError, ThreadStuckError, TraceStalledError } from './threads.errors.js';
import { monotonicMillis } from '../../shared/agent.protocol.js';
import type { WorkerStartsMemory } from '../../shared/shared.memory.js';
import { maskSecrets } from './secrets.mask.js';

/** The main thread writes the last events down before it answers. */
const STOP_DEADLINE_MILLIS = 60_000;

interface TraceRequest {
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
 * Records what V8 and Node say of themselves, in all threads of the process. One at a time: the main thread writes every event down
 * for each session that traces. https://github.com/nodejs/node/blob/main/src/inspector/tracing_agent.cc
 *
 * @internal
 */
export class Tracer {
  readonly #mutex = new Mutex();

  constructor(
    private readonly threads: InspectedThreads,
    private readonly agent: Pick<AgentClient, 'betweenTurns'>,
    private readonly workerStarts: Pick<WorkerStartsMemory, 'hasEnded'>,
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
    // V8 tells each thread that a trace begins, also one that has ended since it has made the list of them: a crash of the
    // process (seen on Node 24, on a third of a processor, with workers that lived for seconds).
    // https://github.com/v8/v8/blob/main/src/libplatform/tracing/tracing-controller.cc (`StartTracing`)
    if (this.workerStarts.hasEnded(monotonicMillis())) {
      throw new PprofError(
        504,
        'no trace is begun, as the application has lately had a worker thread that ended: Node can crash where one ends just as ' +
          'a trace begins. Ask again when none has ended for 30 s, or for profile, which does not mind',
      );
    }
    const startedAt = Date.now();
    const start = performance.now();
    // Not with the signal: an end of the session ends the trace wherever the thread is.
    await this.threads.useAlone(MAIN_THREAD.id, async (target) => {
      target.on<{ value: TraceEvent[] }>('NodeTracing.dataCollected', ({ value }) => events.add(value));
      // Node runs JavaScript of its own where a trace begins or ends: a time limit of the application's (`vm`) that strikes
      // in there is lost. https://github.com/nodejs/node/blob/main/src/env.cc (`UpdateTraceCategoryState`)
      const traceConfig = { includedCategories: categories };
      await this.agent
        .betweenTurns(() => target.post('NodeTracing.start', { traceConfig }))
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
    const { results } = await this.threads.listWorkers(signal);
    const labels = new Map(results.map(({ id, label }) => [id, label]));
    const kernelThreads = [...(kernelThreadsOf(results) ?? [])];
    return new Map(
      kernelThreads.flatMap(([id, tid]) => (labels.has(id) ? [[tid, labels.get(id)!] as const] : [])),
    );
  }
}

function describeStuck(error: unknown): never {
  throw error instanceof ThreadStuckError ? new TraceStalledError(error) : error;
}

/**
 * An event as V8 writes it; what is not read is kept as it is.
 * https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (Trace Event Format)
 *
 * @internal
 */
export interface TraceEvent {
  readonly pid: number;
  readonly tid: number;
  readonly ph: string;
  /** One or more, separated by commas. */
  readonly cat: string;
  readonly name: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** Node's name for the main thread, by which the trace tells its number. */
const NODE_MAIN_THREAD = 'JavaScriptMainThread';

/** About 400,000 events. Off the heap of this thread; what comes in at a time, on the heap, is a sixth of it at most. */
const MAX_BYTES = 64 * 1024 * 1024;

/** The events of a trace, as JSON texts: those of the categories asked for, without those of this, the profiling, thread. */
export class TraceEvents {
  /** Settles when no more can be taken. */
  readonly full: Promise<void>;
  /** Each is a number of events with commas between them. */
  readonly #chunks: Buffer[] = [];
  readonly #metadata = new Map<string, TraceEvent>();
  readonly #categories: ReadonlySet<string>;
  readonly #ownThread = ownKernelThread();
  #setFull: () => void = () => undefined;
  #bytes = 0;
  #lost = 0;

  /** @param workerNames by the number of the kernel, as far as they are known */
  constructor(
    categories: readonly string[],
    private readonly workerNames: ReadonlyMap<number, string>,
    private readonly maxBytes = MAX_BYTES,
  ) {
    this.#categories = new Set(categories);
    this.full = new Promise((resolve) => (this.#setFull = resolve));
  }

  /** Number of events that there was no room for; undefined where there was room for all. */
  get lost(): number | undefined {
    return this.#bytes >= this.maxBytes ? this.#lost : undefined;
  }

  add(events: readonly TraceEvent[]): void {
    const texts: string[] = [];
    for (const event of events) {
      if (event.ph === 'M') {
        // Node repeats these with every batch.
        this.#metadata.set(`${event.tid} ${event.name}`, event);
      } else if (event.tid !== this.#ownThread && this.#isAskedFor(event)) {
        texts.push(JSON.stringify(event, withoutSecrets));
      }
    }
    if (this.#bytes >= this.maxBytes) {
      this.#lost += texts.length;
    } else if (texts.length > 0) {
      const chunk = Buffer.from(texts.join(',\n'));
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
    }
    if (this.#bytes >= this.maxBytes) {
      this.#setFull();
    }
  }

  /** All of them, with the names of process and threads first. Each but the first begins with a comma. */
  texts(): Buffer[] {
    const metadata = this.#named().map((event) => JSON.stringify(event));
    const chunks = metadata.length > 0 ? [Buffer.from(metadata.join(',\n')), ...this.#chunks] : this.#chunks;
    return chunks.flatMap((chunk, index) => (index === 0 ? [chunk] : [Buffer.from(',\n'), chunk]));
  }

  /** Somebody else in the process may be tracing, too: each gets what any has asked for. */
  #isAskedFor({ cat }: TraceEvent): boolean {
    return cat.split(',').some((category) => this.#categories.has(category));
  }

  /** Node names no thread but the main one, and that one not as everything else here does. */
  #named(): TraceEvent[] {
    const metadata = [...this.#metadata.values()].map((event) =>
      event.name === 'thread_name' && event.args?.name === NODE_MAIN_THREAD
        ? { ...event, args: { name: MAIN_THREAD.label } }
        : event,
    );
    const pid = metadata[0]?.pid ?? process.pid;
    const workers = [...this.workerNames].map(([tid, name]) => ({
      pid,
      tid,
      ts: 0,
      ph: 'M',
      cat: '__metadata',
      name: 'thread_name',
      args: { name },
    }));
    return [...metadata, ...workers];
  }
}

/**
 * Names under which Node and V8 write addresses and files: `traceBegin` in lib/_http_server.js and lib/_http_client.js,
 * `ContextifyScript::New` in src/node_contextify.cc, V8's events of compilations.
 */
const ADDRESSES = new Set(['url', 'path', 'filename', 'fileName']);

/** The command line of a thread that starts: `Environment` in src/env.cc. */
const COMMAND_LINES = new Set(['args', 'exec_args']);

/** What may be secret: the query of an address, user and password in it, the flags of a worker, a module that is its own address. */
function withoutSecrets(key: string, value: unknown): unknown {
  if (COMMAND_LINES.has(key) && Array.isArray(value)) {
    return maskSecrets(value.map(String));
  }
  if (typeof value !== 'string') {
    return value;
  }
  const text = value.startsWith('data:') ? value.replace(/,.*$/s, ',…') : value;
  return ADDRESSES.has(key) ? maskSecrets([text.replace(/[?#].*/s, '?…')])[0] : text;
}
