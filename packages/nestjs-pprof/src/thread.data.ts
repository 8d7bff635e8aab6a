import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ResolvedPprofOptions } from './options.validation.js';
import { processInstance } from './process.instance.js';
import type { SharedWithMain, ThreadData } from './thread.protocol.js';

/** What the profiling thread is told when it starts. @internal */
export function threadDataFor(
  options: ResolvedPprofOptions,
  previousPort: number | undefined,
  shared: Pick<SharedWithMain, 'heartbeat' | 'connections' | 'workerStarts'>,
): ThreadData {
  const instance = processInstance();
  return {
    ...options,
    // Those that share their work share their options, too.
    whenPortTaken: options.whenPortTaken ?? (instance === undefined ? 'wait' : 'next'),
    previousPort,
    registryDirectory: registryDirectory(),
    inspector: mayInspect(),
    ...shared,
    application: {
      pid: process.pid,
      title: process.title,
      argv: process.argv,
      execPath: process.execPath,
      execArgv: process.execArgv,
      cwd: process.cwd(),
      instance,
    },
  };
}

/** One for each user, as another's would be refused. Not asked in the thread, whose environment has no `TMPDIR`. */
function registryDirectory(): string {
  return join(tmpdir(), `nestjs-pprof-${process.getuid?.() ?? 'profilers'}`);
}

function mayInspect(): boolean {
  const { permission, features } = process as {
    permission?: { has(scope: string): boolean };
    features: { inspector: boolean };
  };
  return features.inspector && (permission === undefined || permission.has('inspector'));
}
