import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { OomExportCommand } from './heap.sampler.js';
import { listOomProfiles, type OomExportOptions } from '../shared/oom-profile.files.js';
import type { ResolvedPprofOptions } from '../shared/thread.protocol.js';
import { isSingleExecutable, ownCode, programFile } from './own.package.js';
import { messageOf } from '../shared/pprof.error.js';
import type { HeapSampling } from '../shared/agent.protocol.js';

const ENV = '/usr/bin/env';

/**
 * Makes the directory and gives the command that writes a profile there; undefined where nothing is to be written, or can be.
 *
 * @param warn is told what an operator has to know
 * @internal
 */
export function prepareOomExport(
  options: ResolvedPprofOptions['outOfMemory'],
  sampling: HeapSampling,
  warn: (text: string) => void,
): OomExportCommand | undefined {
  if (!options) {
    return undefined;
  }
  try {
    const command = exportCommand(options, sampling);
    warnOfOthers(options.directory, warn);
    return command;
  } catch (error) {
    warn(`Heap profiles on running out of memory: ${messageOf(error)}`);
    return undefined;
  }
}

function exportCommand(
  options: NonNullable<ResolvedPprofOptions['outOfMemory']>,
  { samplingInterval, stackDepth }: HeapSampling,
): OomExportCommand {
  if (isSingleExecutable()) {
    // It would start the application a second time.
    throw new Error(
      'nothing is written when memory runs out: this is a single executable application, which cannot start the program ' +
        'that writes. Leave out the option "outOfMemory"',
    );
  }
  makeWritable(options.directory);
  const exportOptions: Omit<OomExportOptions, 'since' | 'withGarbage'> = {
    ...options,
    samplingInterval,
    stackDepth,
    script: process.argv[1],
    cwd: process.cwd(),
    ownCode: ownCode(),
  };
  const program = [process.execPath, programFile('post-mortem.cjs')];
  // It inherits the environment, and shall not load the application's preloads (APM agents) while that waits for it.
  const clean = process.env.NODE_OPTIONS && existsSync(ENV) ? [ENV, '-u', 'NODE_OPTIONS'] : [];
  return (sampled) => [...clean, ...program, JSON.stringify({ ...exportOptions, ...sampled })];
}

function makeWritable(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    accessSync(directory, constants.W_OK | constants.X_OK);
    // The addon puts its own file there first.
    accessSync(tmpdir(), constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new Error(
      `nothing is written when memory runs out: ${messageOf(cause)}. The option "outOfMemory.directory" and the ` +
        'directory for temporary files must be writable for the process',
      { cause },
    );
  }
}

/** Where others may put files into the directory, as they may into `/tmp`. */
function warnOfOthers(directory: string, warn: (text: string) => void): void {
  const { mode, uid } = statSync(directory);
  const isOthers = uid !== process.geteuid?.() && uid !== 0;
  // On Windows the mode tells nothing.
  if (process.platform !== 'win32' && ((mode & 0o022) !== 0 || isOthers)) {
    warn(
      `"outOfMemory.directory" ${directory} may be written to by others than the user of this process: they can delete heap ` +
        'profiles, and leave some that are none. Use a directory of its own, with mode 0700',
    );
  }
}

/** One line for the log on what earlier processes have left behind; undefined where that is nothing. @internal */
export async function describeOomProfiles(directory: string): Promise<string | undefined> {
  const [newest, ...others] = await listOomProfiles(directory);
  return (
    newest &&
    `A process has run out of memory before, the last one with pid ${newest.pid} at ${newest.writtenAt.toISOString()}: ` +
      `${others.length + 1} heap profile(s) in ${directory}, also on the index page`
  );
}
