import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { StackSample } from './profile.model.js';

/** Where the code lies that profiles the application from within its own threads: ours and the addon's. */
const OWN_DIRECTORIES = [
  fileURLToPath(new URL('../../main/', import.meta.url)),
  dirname(createRequire(import.meta.url).resolve('@datadog/pprof/package.json')) + sep,
].flatMap((directory) => [directory, pathToFileURL(directory).href]);

/** Leaves out what the profiler itself did in the application's thread: it is not the application. @internal */
export function withoutOwnFrames(samples: readonly StackSample[]): StackSample[] {
  return samples.filter(
    ({ stack }) => !stack.some(({ file }) => OWN_DIRECTORIES.some((directory) => file.startsWith(directory))),
  );
}
