import { HEAP_FULL_MARKER } from './oom.export.js';
import { tmpdir } from 'node:os';
import type { ResolvedPprofOptions, SharedWithMain, ThreadData } from '../shared/thread.protocol.js';
import { ownCode } from './own.package.js';
import { registryDirectory, workingDirectory } from '../shared/process.variables.js';
import { isMainThread } from 'node:worker_threads';

/** What the profiling thread is told when it starts. @internal */
export function threadDataFor(
  options: ResolvedPprofOptions,
  previousPort: number | undefined,
  shared: Pick<SharedWithMain, 'heartbeat' | 'connections' | 'workerStarts' | 'restarted'>,
): ThreadData {
  const { features } = process as { features: { inspector: boolean } };
  const instance = processInstance();
  return {
    ...options,
    // Those that share their work share their options, too.
    whenPortTaken: options.whenPortTaken ?? (instance === undefined ? 'wait' : 'next'),
    previousPort,
    registryDirectory: registryDirectory(),
    temporaryDirectory: tmpdir(),
    inspector: features.inspector && isPermitted('inspector'),
    coverage: isCoverageOn(),
    ...shared,
    handlers: [],
    heapFullMarker: HEAP_FULL_MARKER,
    ownCode: ownCode(),
    application: {
      pid: process.pid,
      title: process.title,
      // Applications put there what they like.
      argv: process.argv.map((argument: unknown) => String(argument ?? '')),
      execPath: process.execPath,
      execArgv: process.execArgv,
      cwd: workingDirectory(),
      instance,
    },
  };
}

/** Node's test runner sets the variable as well, for the processes that the tests start. */
function isCoverageOn(): boolean {
  return Boolean(process.env.NODE_V8_COVERAGE) || process.execArgv.includes('--experimental-test-coverage');
}

/**
 * What this process is called among those that share the work of one program, by the number that its manager knows it under:
 * `cluster worker 3`; undefined for one that is alone. PM2 says so in the environment, also in cluster mode, where `node:cluster`
 * counts the workers of all programs. https://pm2.keymetrics.io/docs/usage/environment/#specific-environment-variables
 *
 * @internal
 */
export function processInstance(): string | undefined {
  const { pm_id: pm2Id, NODE_APP_INSTANCE: pm2Instance } = process.env;
  if (pm2Id !== undefined) {
    return `pm2 id ${pm2Id}`;
  }
  if (pm2Instance !== undefined) {
    return `instance ${pm2Instance}`;
  }
  if (process.send === undefined) {
    return undefined;
  }
  // Half a millisecond to load, which only a process with a parent to talk to can have a use for. Its types describe the
  // module as `import` has it.
  const cluster = process.getBuiltinModule(
    'node:cluster',
  ) as unknown as typeof import('node:cluster').default;
  return cluster.worker === undefined ? undefined : `cluster worker ${cluster.worker.id}`;
}

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

/** Of Node's permission model, where it is on; Node 20 and 22 know no `inspector`. https://nodejs.org/api/permissions.html @internal */
export function isPermitted(scope: 'worker' | 'inspector'): boolean {
  const { permission } = process as { permission?: { has(scope: string): boolean } };
  return permission === undefined || permission.has(scope);
}

/** Those of Node's permission model: a thread that gets flags of its own is bound by none of the limits without. @internal */
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
