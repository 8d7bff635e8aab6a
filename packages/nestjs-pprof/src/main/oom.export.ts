import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { OomExportCommand } from './oom.watch.js';
import {
  type PostMortem,
  listOomProfiles,
  NOT_RECORDED,
  type OomExportOptions,
  uniqueDigits,
} from '../shared/oom-profile.files.js';
import type { ResolvedPprofOptions } from '../shared/thread.protocol.js';
import { isSingleExecutable, ownCode, programFile } from './own.package.js';
import { messageOf } from '../shared/pprof.error.js';
import { workingDirectory } from '../shared/process.variables.js';
import type { HeapSampling } from '../shared/agent.protocol.js';

const ENV = '/usr/bin/env';
const SHELL = '/bin/sh';

/** For at most 100 ms; it takes some milliseconds to start, where a Node takes fifty. */
const ASK_AND_WAIT = `: > "$0"; n=0; while [ -e "$0" ] && [ $n -lt 10 ]; do sleep 0.01; n=$((n+1)); done; [ ! -e "$0" ] || echo "${NOT_RECORDED}" >&2`;

/** @internal */
export const HEAP_FULL_MARKER = `.flight-${process.pid}-${uniqueDigits()}.full`;

/**
 * Makes the directory and gives the command that writes a profile there; undefined where nothing is to be written, or can be.
 *
 * @param warn is told what an operator has to know
 * @internal
 */
export function prepareOomExport(
  { outOfMemory, flightRecorder }: Pick<ResolvedPprofOptions, 'outOfMemory' | 'flightRecorder'>,
  sampling: HeapSampling,
  warn: (text: string) => void,
  temporaryDirectory = tmpdir(),
): OomExportCommand | undefined {
  const heaps =
    outOfMemory && isUsable('outOfMemory.directory', outOfMemory.directory, warn) ? outOfMemory : undefined;
  const recordings = flightRecorder?.directory;
  if (!heaps && recordings === undefined) {
    return undefined;
  }
  const obstacle = obstacleToExport(temporaryDirectory);
  if (obstacle !== undefined) {
    warn(`Nothing is written when memory runs out: ${obstacle}`);
    return undefined;
  }
  return exportCommand(heaps, recordings, sampling);
}

function obstacleToExport(temporaryDirectory: string): string | undefined {
  if (isSingleExecutable()) {
    // It would start the application a second time.
    return 'this is a single executable application, which cannot start the program that writes';
  }
  try {
    // The addon puts its own file there first.
    accessSync(temporaryDirectory, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (cause) {
    return `${messageOf(cause)}. The directory for temporary files must be writable for the process`;
  }
}

const LOST = {
  'outOfMemory.directory': 'Heap profiles on running out of memory: nothing is written when memory runs out',
  'flightRecorder.directory': 'Flight recorder: nothing is written when the process is ended',
};

/** Whether there is such a directory, or could be made. @internal */
export function isUsable(
  option: keyof typeof LOST,
  directory: string,
  warn: (text: string) => void,
): boolean {
  try {
    makeDirectory(directory);
    accessSync(directory, constants.W_OK | constants.X_OK);
    warnOfOthers(option, directory, warn);
    return true;
  } catch (cause) {
    warn(`${LOST[option]}: ${messageOf(cause)}. The option "${option}" must be writable for the process`);
    return false;
  }
}

/**
 * Node's own `recursive` never returns where ENOENT is said of a name in a directory that is there, as in `/proc`: the application
 * would not start.
 * https://github.com/nodejs/node/blob/v24.x/src/node_file.cc (`MKDirpSync`)
 */
function makeDirectory(directory: string): void {
  if (existsSync(directory)) {
    return;
  }
  const parent = dirname(directory);
  if (parent !== directory) {
    makeDirectory(parent);
  }
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // Several processes of a service start at the same time.
    if (!existsSync(directory)) {
      throw error;
    }
  }
}

function exportCommand(
  heaps: ResolvedPprofOptions['outOfMemory'],
  recordings: string | undefined,
  { samplingInterval, stackDepth }: HeapSampling,
): OomExportCommand {
  const exportOptions: Omit<OomExportOptions, 'since' | 'withGarbage'> = {
    heaps,
    marker: recordings && join(recordings, HEAP_FULL_MARKER),
    samplingInterval,
    stackDepth,
    script: process.argv[1],
    cwd: workingDirectory(),
    ownCode: ownCode(),
  };
  if (!heaps && exportOptions.marker !== undefined && existsSync(SHELL)) {
    const command = [SHELL, '-c', ASK_AND_WAIT, exportOptions.marker];
    return () => command;
  }
  const program = [process.execPath, programFile('post-mortem.cjs')];
  // It inherits the environment, and shall not load the application's preloads (APM agents) while that waits for it.
  const clean = process.env.NODE_OPTIONS && existsSync(ENV) ? [ENV, '-u', 'NODE_OPTIONS'] : [];
  return (sampled) => [...clean, ...program, JSON.stringify({ ...exportOptions, ...sampled })];
}

/** Where others may put files into the directory, as they may into `/tmp`. */
function warnOfOthers(option: string, directory: string, warn: (text: string) => void): void {
  const { mode, uid } = statSync(directory);
  const isOthers = uid !== process.geteuid?.() && uid !== 0;
  // On Windows the mode tells nothing.
  if (process.platform !== 'win32' && ((mode & 0o022) !== 0 || isOthers)) {
    warn(
      `"${option}" ${directory} may be written to by others than the user of this process: they can delete ` +
        'profiles, and leave some that are none. Use a directory of its own, with mode 0700',
    );
  }
}

const TEXTS: Readonly<Record<PostMortem, readonly [what: string, files: string]>> = {
  oom: ['has had a full heap', 'heap profile(s)'],
  flight: ['has left its last minutes behind', 'recording(s)'],
};

/** One line for the log on what earlier processes have left behind; undefined where that is nothing. @internal */
export async function describePostMortems(directory: string, kind: PostMortem): Promise<string | undefined> {
  const files = await listOomProfiles(directory, kind).catch(() => []);
  const [newest] = files;
  const [what, name] = TEXTS[kind];
  return (
    newest &&
    `A process ${what}, the last one with pid ${newest.pid} at ${newest.writtenAt.toISOString()}: ` +
      `${join(directory, newest.name)}, the newest of ${files.length} ${name} there, also on the index page`
  );
}
