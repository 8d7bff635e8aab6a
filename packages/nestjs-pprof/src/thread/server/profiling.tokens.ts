import type { RecordingKind, RecordingOptions } from '../profiles/recording.kind.js';
import { type ProgramPaths, programPaths } from '../../shared/program.paths.js';
import type { ApplicationInfo } from '../../shared/thread.protocol.js';

/** Injection token: the options that the server itself needs. @internal */
export const SERVER_OPTIONS = Symbol('nestjs-pprof server options');
/** @internal */
export interface ServerOptions extends RecordingOptions {
  /** What is recorded and served, in the order of their table. */
  readonly kinds: readonly RecordingKind[];
  readonly socketPath: string | undefined;
  readonly needsCredentials: boolean;
  readonly viewerDirectory: string;
  /** Where processes leave a heap profile when they run out of memory, if they do. */
  readonly oomDirectory: string | undefined;
}

/** Injection token: the process that is profiled. @internal */
export const PROCESS_DESCRIPTION = Symbol('nestjs-pprof process description');
/** @internal */
export interface ProcessDescription extends ApplicationInfo, ProgramPaths {}

/** @internal */
export function describeProcess(application: ApplicationInfo): ProcessDescription {
  const { argv, cwd, execPath } = application;
  return { ...application, ...programPaths(argv[1], cwd, execPath) };
}
