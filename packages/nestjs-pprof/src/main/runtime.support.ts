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

/**
 * Whether Node's permission model, where it is on, lets this process do something. Node 20 and 22 know no `inspector`, and
 * so never allow it.
 * https://nodejs.org/api/permissions.html
 *
 * @internal
 */
export function isPermitted(scope: 'worker' | 'inspector'): boolean {
  const { permission } = process as { permission?: { has(scope: string): boolean } };
  return permission === undefined || permission.has(scope);
}

/**
 * The flags of Node's permission model that this process was started with, for a thread that is to get no others: without
 * them it would be bound by none of the limits.
 *
 * @internal
 */
export function permissionFlags(
  execArgv: readonly string[] = process.execArgv,
  nodeOptions = process.env.NODE_OPTIONS ?? '',
): string[] {
  const flags = [...nodeOptions.split(/\s+/), ...execArgv];
  return flags.flatMap((flag, index) => {
    if (!/^--(?:experimental-)?permission$|^--allow-/.test(flag)) {
      return [];
    }
    const next = flags[index + 1];
    // `--allow-fs-read PATH` is the same as `--allow-fs-read=PATH`.
    return /^--allow-fs-(?:read|write)$/.test(flag) && next !== undefined ? [`${flag}=${next}`] : [flag];
  });
}
