import type { HeapSampling } from './agent.protocol.js';
import type { PprofProfileName } from './profile.names.js';

/** What the flight recorder keeps, and what makes an incident. @internal */
export interface FlightRecording {
  readonly minutes: number;
  /** Samples per second. */
  readonly hz: number;
  /** Milliseconds that the event loop may be blocked. */
  readonly blockThreshold: number;
  /** Bytes. */
  readonly heapLimit: number | undefined;
  readonly rssLimit: number | undefined;
  /** Where the last stretch is written when the process dies; undefined for nowhere. */
  readonly directory: string | undefined;
  readonly maxFiles: number;
  readonly maxBytes: number;
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
  /** What is left behind when memory runs out; undefined for nothing. */
  readonly outOfMemory:
    { readonly directory: string; readonly maxFiles: number; readonly maxBytes: number } | undefined;
  readonly maxSeconds: number;
  readonly maxCaptures: number;
}
