import type { RecordingKind, RecordingOptions } from '../profiles/recording.kind.js';
import type { ProgramPaths } from '../pprof/profile.symbolizer.js';
import type { ApplicationInfo } from '../../shared/thread.protocol.js';

/** Injection token: the options that the server itself needs. @internal */
export const SERVER_OPTIONS = Symbol('nestjs-pprof server options');
/** @internal */
export interface ServerOptions extends RecordingOptions {
  /** What is recorded and served, in the order of their table. */
  readonly kinds: readonly RecordingKind[];
  readonly socketPath: string | undefined;
  readonly viewerDirectory: string;
  readonly needsCredentials: boolean;
  /** Where processes leave a heap profile when they run out of memory, if they do. */
  readonly oomDirectory: string | undefined;
  /** Where the flight recorder's last stretch is written when the process dies, if it is. */
  readonly recordingsDirectory: string | undefined;
}

/** Injection token: the process that is profiled. @internal */
export const PROCESS_DESCRIPTION = Symbol('nestjs-pprof process description');
/** @internal */
export interface ProcessDescription extends ApplicationInfo, ProgramPaths {}
