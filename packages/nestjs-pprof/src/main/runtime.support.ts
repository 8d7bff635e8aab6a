import { isMainThread } from 'node:worker_threads';

/** Why there can be no profiler here, whatever the options say; undefined where there can. @internal */
export function unsupportedRuntime(): string | undefined {
  const { bun, deno } = process.versions;
  if (bun !== undefined || deno !== undefined) {
    return `it needs Node, and this is ${bun === undefined ? `Deno ${deno}` : `Bun ${bun}`}`;
  }
  if (!isMainThread) {
    return (
      'this application lives in a worker thread. Import PprofModule into the one of the main thread: its profiles show ' +
      'every worker thread, too'
    );
  }
  return undefined;
}
