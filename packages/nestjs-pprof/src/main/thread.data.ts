import { tmpdir } from 'node:os';
import type { ResolvedPprofOptions } from '../shared/resolved.options.js';
import { isPermitted } from './node.permissions.js';
import { ownCode } from './own.package.js';
import { processInstance } from './process.instance.js';
import { registryDirectory } from '../shared/registry.directory.js';
import type { SharedWithMain, ThreadData } from '../shared/thread.protocol.js';

/** What the profiling thread is told when it starts. @internal */
export function threadDataFor(
  options: ResolvedPprofOptions,
  previousPort: number | undefined,
  shared: Pick<SharedWithMain, 'heartbeat' | 'connections' | 'workerStarts'>,
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
    ownCode: ownCode(),
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

/** Node's test runner sets the variable as well, for the processes that the tests start. */
function isCoverageOn(): boolean {
  return Boolean(process.env.NODE_V8_COVERAGE) || process.execArgv.includes('--experimental-test-coverage');
}
