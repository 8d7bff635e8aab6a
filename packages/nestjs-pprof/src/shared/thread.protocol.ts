import type { SocketFile } from './file.system.js';
import type { AgentReply, AgentRequest, CpuSegment, HandlerClass, HeapSampling } from './agent.protocol.js';
import type { PostMortemLimits } from './oom-profile.files.js';
import type { PprofProfileName } from './profile.names.js';

/** What the flight recorder keeps, and what makes an incident. @internal */
export interface FlightRecording extends Omit<PostMortemLimits, 'directory'> {
  readonly minutes: number;
  /** Samples per second. */
  readonly hz: number;
  readonly labels: boolean;
  /** Milliseconds that the event loop may be blocked. */
  readonly blockThreshold: number;
  /** Bytes. */
  readonly heapLimit: number | undefined;
  readonly rssLimit: number | undefined;
  /** Where the last stretch is written when the process dies; undefined for nowhere. */
  readonly directory: string | undefined;
}

/** The options of `PprofModule`, checked, with every default filled in. @internal */
export interface ResolvedPprofOptions {
  readonly enabled: boolean;
  readonly host: string;
  readonly port: number;
  /** Undefined where it depends on the process. */
  readonly whenPortTaken: 'wait' | 'next' | undefined;
  /** A unix socket, in the place of host and port. */
  readonly socketPath: string | undefined;
  readonly allowedHosts: readonly string[];
  /** SHA-256 of `username:password` in hex: the credentials themselves go no further than the options. */
  readonly credentialsHash: string | undefined;
  readonly profiles: readonly PprofProfileName[];
  readonly heapSnapshot: boolean;
  /** How live objects are sampled; false for not at all. */
  readonly heap: HeapSampling | false;
  readonly block: { readonly watch: boolean; readonly threshold: number };
  /** Undefined where nothing is recorded. */
  readonly flightRecorder: FlightRecording | undefined;
  /** How samples are labelled with what they were taken for; false for not at all. */
  readonly labels: { readonly everything: boolean } | false;
  /** What is left behind when memory runs out; undefined for nothing. */
  readonly outOfMemory: PostMortemLimits | undefined;
  /** Seconds. */
  readonly keepWarm: number;
  readonly maxSeconds: number;
  readonly maxCaptures: number;
}

/** What the captures need from the main thread: its options, and the memory that both sides share. @internal */
export interface SharedWithMain extends Pick<
  ResolvedPprofOptions,
  'heap' | 'block' | 'flightRecorder' | 'keepWarm'
> {
  /** Where the main thread notes that its event loop turns. */
  readonly heartbeat: SharedArrayBuffer;
  /** Where the profiling thread counts its open inspector sessions. */
  readonly connections: SharedArrayBuffer;
  /** Of `WorkerStartsMemory`. */
  readonly workerStarts: SharedArrayBuffer;
  /** `os.tmpdir()` of the application: the thread has none of its environment. */
  readonly temporaryDirectory: string;
  /** Whether V8's inspector may be used. */
  readonly inspector: boolean;
  /** Whether code coverage is counted in this process. */
  readonly coverage: boolean;
  /** What Nest calls when something comes in; empty until the application is put together. */
  handlers: readonly HandlerClass[];
  /** Name of the file, in its directory, that the process makes which a full heap starts, and that is gone when the recording is there. */
  readonly heapFullMarker: string;
  /** Whether there was a profiling thread before, which has ended. */
  readonly restarted: boolean;
}

/** What the profiling thread is told when it starts: the options, and what it cannot find out by itself. @internal */
export interface ThreadData extends SharedWithMain, Omit<ResolvedPprofOptions, 'enabled' | 'labels'> {
  readonly whenPortTaken: 'wait' | 'next';
  /** The port of the thread that this one replaces. */
  readonly previousPort: number | undefined;
  /** Where the running profilers are noted, see `server/profiler.registry.ts`. */
  readonly registryDirectory: string;
  readonly application: ApplicationInfo;
  /** The code that profiles the application from within its main thread: what paths and URLs of its files begin with. */
  readonly ownCode: readonly string[];
}

/** The process that is profiled, as the pages and profiles name it. @internal */
export interface ApplicationInfo {
  readonly pid: number;
  readonly title: string;
  readonly argv: readonly string[];
  readonly execPath: string;
  readonly execArgv: readonly string[];
  readonly cwd: string;
  /** See `processInstance` in `main/process.facts.ts`. */
  readonly instance: string | undefined;
}

/** @internal */
export type FromThread =
  /** The first of all: what runs there is our program. */
  | { readonly type: 'hello'; readonly name: string; readonly version: string }
  | { readonly type: 'listening'; readonly host: string; readonly port: number }
  | { readonly type: 'listening-on-socket'; readonly socket: SocketFile }
  /** It is tried again until it listens. */
  | { readonly type: 'address-taken'; readonly message: string }
  /** Something that an operator has to know; the profiler goes on. */
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'listen-failed'; readonly message: string }
  /** There is a file to be removed when the thread has ended. */
  | { readonly type: 'registered'; readonly entry: string }
  | AgentRequest;

/** @internal */
export type ToThread =
  /** Sent before the work begins: the main thread's loop turns, so it is not stuck, however long the work takes. */
  | { readonly type: 'agent-accepted'; readonly id: number }
  | AgentReply
  | { readonly type: 'worker-started' }
  /** The process is about to exit, or the profiler to be stopped. */
  | { readonly type: 'process-exiting' }
  /** Sent once, as soon as the application is put together. */
  | { readonly type: 'handlers-found'; readonly classes: readonly HandlerClass[] }
  | SaveRecording;

/** The process dies: what the flight recorder has is to be written, now. @internal */
export interface SaveRecording {
  readonly type: 'save-recording';
  readonly cause: string;
  /** What was sampled last; null where nothing was. */
  readonly segment: CpuSegment | null;
  /** An `Int32`, other than 0 when the file is there. The main thread waits for it. */
  readonly written: SharedArrayBuffer;
}
