import { workerData } from 'node:worker_threads';
import type { Frame, StackSample } from './profile.model.js';

/** As the main thread has told it, which knows: what is to be looked up may be gone by the time a profile is taken. */
const OWN_CODE = (workerData as { readonly ownCode?: readonly string[] } | null)?.ownCode ?? [];

/** Through which the application calls itself: `PprofService.withLabels`, `@PprofLabels`, a handler that is wrapped. */
const PASSED_THROUGH = {
  files: /[\\/](?:label\.sets|sample\.labels)\.js$/,
  functionName: 'runWithContext',
};

/**
 * Leaves out what the profiler did in the application's thread. What the application does within a task with labels stays,
 * without our frames.
 *
 * @internal
 */
export function withoutOwnFrames(
  samples: readonly StackSample[],
  ownCode: readonly string[] = OWN_CODE,
): StackSample[] {
  const isOwn = ({ file }: Frame) => ownCode.some((directory) => file.startsWith(directory));
  return samples.flatMap((sample) => {
    const own = sample.stack.filter(isOwn);
    if (own.length === 0) {
      return [sample];
    }
    return own.every(isPassedThrough)
      ? [{ ...sample, stack: sample.stack.filter((frame) => !own.includes(frame)) }]
      : [];
  });
}

function isPassedThrough({ file, functionName }: Frame): boolean {
  return functionName === PASSED_THROUGH.functionName || PASSED_THROUGH.files.test(file);
}
