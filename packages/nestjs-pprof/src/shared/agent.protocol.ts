import type { MemoryFigures } from './memory.usage.js';

/**
 * What the profiling thread may ask of the main thread, and what it gets; imported by both sides.
 */

/** How the CPU sampler runs until it is next rotated. */
export interface CpuSampling {
  /** Samples per second. */
  readonly hz: number;
  /** The longest the sampler will run; the addon reserves its sample buffer for this and drops what is beyond. */
  readonly durationMillis: number;
  /** Whether samples are labelled with what they were taken for. */
  readonly labels: boolean;
  /**
   * Nobody has asked for what is sampled: a sampler that runs goes on, so that it need not be started soon. Whoever else wants it
   * has it.
   */
  readonly unread?: boolean;
}

/** Names and values of labels. */
export type LabelSet = Readonly<Record<string, string>>;

/** Behind the method, in the label `route` of a request of which nobody has told the route. */
export const ROUTE_NOT_KNOWN = '(route not known)';

/** A class with methods that Nest calls when something comes in. */
export interface HandlerClass {
  readonly name: string;
  /** Characters of its text. */
  readonly length: number;
  readonly handlers: ReadonlyArray<{
    readonly name: string;
    /** Where in the text of the class it begins. */
    readonly offset: number;
    readonly labels: LabelSet;
  }>;
}

/** Of each sample in `CpuSegment.sampleLog`: microseconds, CPU nanoseconds since the sample before, stack, labels. */
export const SAMPLE_LOG_COLUMNS = 4;

/** The third column where a sample is not in the profile, as of idle time without CPU time. */
export const NO_STACK = -1;

/** The fourth column where a sample has no labels. */
export const NO_LABELS = -1;

/** How the samples of a segment have got their labels. */
export interface SegmentLabels {
  /** The fourth column of the log is an index of this. */
  readonly sets: readonly LabelSet[];
  /** Why the async contexts do not tell; null where they do. */
  readonly missing: string | null;
  /** What the application has given and a profile cannot hold. */
  readonly omitted: readonly string[];
}

/** What was sampled between two rotations of the CPU sampler. */
export interface CpuSegment {
  /** The addon's profile, encoded but neither compressed, mapped nor finished. */
  readonly profile: Uint8Array;
  /** The samples one by one, in no order: the bytes of a `Float64Array`. A stack is the index of a sample of the profile. */
  readonly sampleLog: Uint8Array;
  /** Null where nobody has asked for them. */
  readonly labels: SegmentLabels | null;
  readonly hz: number;
  /** Wall-clock start, milliseconds since the epoch. */
  readonly startedAt: number;
  /** Where samples of before are lost, as the reading of them was cut off: since when, in milliseconds since the epoch. */
  readonly lostSince?: number | undefined;
  /** Length in nanoseconds, measured around the sampling itself, without the time that starting it took. */
  readonly durationNanos: number;
  /** CPU time the whole process used in the segment, in nanoseconds. */
  readonly processCpuNanos: number;
  /** CPU time of the main thread by its own clock, in nanoseconds; null where nobody tells (Windows before Node 22.19). */
  readonly mainCpuNanos: number | null;
  /** Whether V8's sampler was stuck, so that samples are missing: 0 no, 1 possibly, 2 certainly. It was then started anew. */
  readonly samplerStuck: 0 | 1 | 2;
  /** Names of the profilers, as far as known, of which one has started meanwhile and taken samples away; else null. */
  readonly disturbedBy?: readonly string[] | null;
  /** Where the sampler was started with this segment: for how long that held the thread up, before it. */
  readonly startMillis?: number | undefined;
  /** Why the sampling that was to follow could not start. */
  readonly startFailure?: AgentFailure | undefined;
}

/** A node of V8's allocation tree, as the addon hands it out. */
export interface AllocationNode {
  readonly name?: string;
  readonly scriptName: string;
  readonly lineNumber?: number;
  readonly columnNumber?: number;
  readonly allocations: ReadonlyArray<{ readonly sizeBytes: number; readonly count: number }>;
  readonly children: readonly AllocationNode[];
}

/** How a heap is sampled. */
export interface HeapSampling {
  /** Average number of bytes between two samples. */
  readonly samplingInterval: number;
  /** Frames kept of each stack. */
  readonly stackDepth: number;
}

/**
 * Why a heap's sampling has started anew:
 * - `allocs`: a capture of all allocations had taken V8's sampler over
 * - `stopped-by-other`: somebody else in the process had stopped it
 */
export type HeapRestart = 'allocs' | 'stopped-by-other';

/** The begin of a heap's sampling. */
export interface HeapStart {
  /** Since when allocations are sampled, milliseconds since the epoch. */
  readonly startedAt: number;
  /** Why that is not since start-up; null where it is. */
  readonly restarted: HeapRestart | null;
}

/** The live objects that the heap sampler knows of. */
export interface HeapSample extends HeapSampling, HeapStart {
  readonly root: AllocationNode;
  /** Milliseconds since the epoch. */
  readonly takenAt: number;
  readonly memory: MemoryFigures;
}

/** The event loop of the main thread, seen from within. */
export interface LoopDescription {
  /** `process.getActiveResourcesInfo()`: the type of each resource that keeps the loop alive. */
  readonly activeResources: readonly string[];
  /** `performance.eventLoopUtilization()` since the thread was started. */
  readonly utilization: { readonly idle: number; readonly active: number; readonly utilization: number };
  readonly memory: MemoryFigures;
  /** `v8.getHeapStatistics()`. */
  readonly heap: Readonly<Record<string, number>>;
  /** `v8.getHeapSpaceStatistics()`. */
  readonly heapSpaces: ReadonlyArray<Readonly<Record<string, string | number>>>;
}

/** A watch on the event loop, until it is stopped by its id. */
export interface LoopWatchRequest {
  readonly id: number;
  /** Whether the size of the heap is noted as well. */
  readonly heap?: boolean;
  /** Turns longer than this are noted. */
  readonly thresholdMillis: number;
  /** The memory of a `LoopWatchMemory`. */
  readonly memory: SharedArrayBuffer;
}

/** Everything the agent can be asked, with arguments and result. */
export interface AgentCommands {
  /** Ends the running segment, if any, and starts the next, if wanted. */
  readonly rotateCpu: { readonly args: CpuSampling | null; readonly result: CpuSegment | null };
  readonly startLoopWatch: { readonly args: LoopWatchRequest; readonly result: null };
  readonly stopLoopWatch: { readonly args: number; readonly result: null };
  /** What keeps the event loop busy or alive; answering shows that it turns. */
  readonly describeLoop: { readonly args: null; readonly result: LoopDescription };
  /** Waits, between two turns of the event loop, until the gate is opened; not for long. */
  readonly waitAtGate: { readonly args: SharedArrayBuffer; readonly result: null };
  /** CPU nanoseconds so far of each worker thread that main has started, by `threadId`; undefined where it has not answered. */
  readonly readWorkerClocks: {
    readonly args: null;
    readonly result: ReadonlyMap<number, number | undefined>;
  };
  readonly sampleHeap: { readonly args: null; readonly result: HeapSample };
  /** All allocations count until `endAllocations`, and the sampling of live objects, of which it has the last, pauses. */
  readonly beginAllocations: {
    readonly args: HeapSampling;
    readonly result: { readonly live: HeapSample | null };
  };
  readonly readAllocations: { readonly args: null; readonly result: Pick<HeapSample, 'root' | 'takenAt'> };
  /** Tells of the sampling of live objects that has started anew, if it has. */
  readonly endAllocations: { readonly args: null; readonly result: HeapStart | null };
}

export type AgentCommand = keyof AgentCommands;

/** Why the agent could not do what it was asked: a `PprofError`, as far as it goes from one thread to the other. */
export interface AgentFailure {
  readonly status: number;
  readonly message: string;
}

export interface AgentRequest<C extends AgentCommand = AgentCommand> {
  readonly type: 'agent-request';
  readonly id: number;
  readonly command: C;
  readonly args: AgentCommands[C]['args'];
  /** See `newClaim`; null for what is to be done in any case. */
  readonly claim: SharedArrayBuffer | null;
}

export interface AgentReply {
  readonly type: 'agent-reply';
  readonly id: number;
  readonly result?: unknown;
  readonly failure?: AgentFailure;
}

/** Under this symbol of the global object the main thread keeps its agents, by the id of their profiling thread. */
export const AGENTS = Symbol.for('nestjs-pprof agents');

/** What an agent that is read by interrupt answers; bytes as `{ base64 }`. */
export interface InterruptAnswer {
  readonly result?: CpuSegment | null;
  readonly failure?: AgentFailure;
}

/** Milliseconds of a clock that all threads of the process share; `performance.now()` has an origin in each thread. */
export function monotonicMillis(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
