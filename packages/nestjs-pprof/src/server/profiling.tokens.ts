import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { RecordingKind, RecordingOptions } from '../profiles/recording.kind.js';
import type { ApplicationInfo } from '../thread.protocol.js';

/** Injection token: the options that the server itself needs. @internal */
export const SERVER_OPTIONS = Symbol('nestjs-pprof server options');
/** @internal */
export interface ServerOptions extends RecordingOptions {
  /** What is recorded and served, in the order of their table. */
  readonly kinds: readonly RecordingKind[];
  readonly socketPath: string | undefined;
  readonly needsCredentials: boolean;
}

/** Injection token: the process that is profiled. @internal */
export const PROCESS_DESCRIPTION = Symbol('nestjs-pprof process description');
/** @internal */
export interface ProcessDescription extends ApplicationInfo {
  /** Absolute path of the script that Node was started with; the executable where there was none (REPL, `-e`). */
  readonly entryScript: string;
  /** The directory of the package that the entry script belongs to. */
  readonly root: string;
}

/** @internal */
export function describeProcess(application: ApplicationInfo): ProcessDescription {
  const script = application.argv[1];
  const entryScript = script === undefined ? application.execPath : resolve(application.cwd, script);
  return {
    ...application,
    entryScript,
    root: script ? packageOf(entryScript, application.cwd) : application.cwd,
  };
}

function packageOf(file: string, fallback: string): string {
  for (let directory = dirname(file); directory !== dirname(directory); directory = dirname(directory)) {
    if (existsSync(join(directory, 'package.json'))) {
      return directory;
    }
  }
  return fallback;
}
