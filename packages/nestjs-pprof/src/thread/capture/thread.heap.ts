import type { MemoryFigures } from '../../shared/memory.usage.js';
import type { AllocationNode, HeapRestart, HeapSampling } from '../../shared/agent.protocol.js';
import type { InspectorTarget } from './inspector.connection.js';
import { Mutex } from './mutex.js';
import type { ThreadInfo, ThreadSelection } from './thread.selection.js';
import type { V8HeapProfile } from '../pprof/v8.profiles.js';
import { setTimeout as sleep } from 'node:timers/promises';

/** The live objects of one thread that its heap sampler knows of. @internal */
export interface ThreadHeap {
  readonly thread: ThreadInfo;
  readonly by: 'agent' | 'inspector';
  readonly root: AllocationNode;
  /** Since when allocations are sampled, milliseconds since the epoch; undefined where only the agent would know. */
  readonly since: number | undefined;
  /** Why that is not since start-up, or since the thread was asked for first. */
  readonly restarted?: HeapRestart | null;
  /** When it was sampled, milliseconds since the epoch, where a capture of all allocations has taken the sampler over since. */
  readonly asOf?: number;
  /** Of the thread that was asked; undefined where it could not be asked. */
  readonly memory: MemoryFigures | undefined;
  /** Whether garbage was collected before. */
  readonly collected: boolean;
  /** As V8 has it, where it came that way. */
  readonly v8Profile?: V8HeapProfile;
}

/** V8 collects garbage on request only from the event loop: a thread that answers by interrupt after so long has not begun. */
const BEGIN_WITHIN_MILLIS = 2000;

/** A collection of gigabytes takes seconds, in which a thread answers nothing. */
const COLLECTION_DEADLINE_MILLIS = 20_000;

/** Nobody waits longer than this for the next collection, though one of a large heap takes seconds. */
const LONGEST_COOLDOWN_MILLIS = 10_000;

interface Collections {
  readonly mutex: Mutex;
  running?: Promise<boolean> | undefined;
}

const collections = new WeakMap<ThreadInfo, Collections>();

/**
 * Collects garbage, which stops the thread: one at a time, with a cooldown after it, and once for all who ask before it is done.
 *
 * @returns whether it could be done: not on a thread that is stuck in JavaScript or waits in `Atomics.wait`.
 * @throws {ThreadUnreachableError} where it is in a native call.
 * @internal
 */
export async function collectGarbage(target: InspectorTarget): Promise<boolean> {
  const { thread } = target;
  const ofThread = collections.get(thread) ?? { mutex: new Mutex(LONGEST_COOLDOWN_MILLIS) };
  collections.set(thread, ofThread);
  while (ofThread.running) {
    const others = await ofThread.running.catch(() => undefined);
    if (others !== undefined) {
      return others;
    }
    // The one whose session it was has gone.
  }
  ofThread.running = ofThread.mutex.run(() => collect(target));
  try {
    return await ofThread.running;
  } finally {
    ofThread.running = undefined;
  }
}

async function collect(target: InspectorTarget): Promise<boolean> {
  const timer = new AbortController();
  const ask = (method: string) => target.post(method, {}, COLLECTION_DEADLINE_MILLIS);
  const collected = ask('HeapProfiler.collectGarbage').then(() => true);
  const isElsewhere = sleep(BEGIN_WITHIN_MILLIS, undefined, { signal: timer.signal })
    .then(() => ask('Runtime.getIsolateId'))
    .then(() => false);
  try {
    return await Promise.race([collected, isElsewhere]);
  } finally {
    timer.abort();
  }
}

/** How allocations are sampled where the options have no sampling of live objects. @internal */
export const DEFAULT_SAMPLING: HeapSampling = { samplingInterval: 512 * 1024, stackDepth: 64 };

/** V8's own, where the inspector starts the sampler. https://github.com/v8/v8/blob/main/src/inspector/v8-heap-profiler-agent-impl.cc @internal */
export const INSPECTOR_STACK_DEPTH = 128;

/** @internal */
export interface AllocationsRequest {
  readonly seconds: number;
  readonly threads: ThreadSelection;
  readonly signal: AbortSignal;
}

/** All that one thread has allocated in a window of time. @internal */
export interface ThreadAllocations extends AllocationWindow {
  readonly thread: ThreadInfo;
}

/** All allocations of a thread since the counting began. @internal */
export interface AllocationTotals {
  readonly root: AllocationNode;
  /** Whether the number of objects is known. */
  readonly counted: boolean;
  /** Whether the event loop of the thread had got stuck when they were read. */
  readonly stuck?: boolean;
}

/** How the allocations of one thread are counted. @internal */
export interface AllocationSource {
  begin(): Promise<void>;
  /** All there was since `begin`, which goes on. */
  read(): Promise<AllocationTotals>;
  /** Called after every `begin` that was successful, whatever happens. */
  end(): Promise<void>;
}

/** The allocations of a window: what there was until its end, without what there was before its begin. */
interface AllocationWindow {
  readonly total: AllocationTotals;
  /** Undefined where the counting began with this window. */
  readonly before: AllocationTotals | undefined;
}

/**
 * Counts the allocations of one thread for any number of clients: its one sampler runs from the begin of the first window to the
 * end of the last, and each client gets what it saw between two moments.
 *
 * @internal
 */
export class SharedAllocations {
  #clients = 0;
  readonly #mutex = new Mutex();

  constructor(private readonly source: AllocationSource) {}

  /** @throws what the source does, or the signal's reason. */
  async capture(millis: number, signal: AbortSignal): Promise<AllocationWindow> {
    const before = await this.#mutex.run(() => this.#enter(signal));
    try {
      await sleep(millis, undefined, { signal });
      return { total: await this.#mutex.run(() => this.source.read()), before };
    } finally {
      await this.#mutex.run(() => this.#release());
    }
  }

  async #enter(signal: AbortSignal): Promise<AllocationTotals | undefined> {
    signal.throwIfAborted();
    const before = this.#clients > 0 ? await this.source.read() : await this.source.begin();
    this.#clients += 1;
    return before ?? undefined;
  }

  async #release(): Promise<void> {
    this.#clients -= 1;
    if (this.#clients === 0) {
      await this.source.end();
    }
  }
}
