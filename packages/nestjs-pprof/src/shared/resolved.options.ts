import type { HeapSampling } from './agent.protocol.js';
import type { PprofProfileName } from './profile.names.js';

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
  /** How samples are labelled with what they were taken for; false for not at all. */
  readonly labels: { readonly everything: boolean } | false;
  /** What is left behind when memory runs out; undefined for nothing. */
  readonly outOfMemory:
    { readonly directory: string; readonly maxFiles: number; readonly maxBytes: number } | undefined;
  readonly maxSeconds: number;
  readonly maxCaptures: number;
}
