import { workerData } from 'node:worker_threads';
import type { StackSample } from './profile.model.js';

/** As the main thread has told it, which knows: what is to be looked up may be gone by the time a profile is taken. */
const OWN_CODE = (workerData as { readonly ownCode?: readonly string[] } | null)?.ownCode ?? [];

/** Leaves out what the profiler itself did in the application's thread: it is not the application. @internal */
export function withoutOwnFrames(
  samples: readonly StackSample[],
  ownCode: readonly string[] = OWN_CODE,
): StackSample[] {
  return samples.filter(
    ({ stack }) => !stack.some(({ file }) => ownCode.some((directory) => file.startsWith(directory))),
  );
}
