import { isAbsolute } from 'node:path';
import { isLoopback } from '../shared/loopback.host.js';
import type { PprofModuleOptions } from '../pprof.options.js';
import { inspect, isInteger, wrong } from './option.checks.js';

/** Where the profiles are served: on a unix socket where there is a path, else on host and port. @internal */
export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** Undefined where it depends on the process. */
  readonly whenPortTaken: 'wait' | 'next' | undefined;
  readonly socketPath: string | undefined;
}

/** @internal */
export const LISTEN_OPTIONS = ['host', 'port', 'whenPortTaken', 'socketPath'];

/** @internal */
export function resolveListen(options: PprofModuleOptions, problems: string[]): ListenOptions {
  const { host = '127.0.0.1', port = 6060, whenPortTaken, socketPath } = options;
  if (typeof host !== 'string' || !isLoopback(host) || host.startsWith('[')) {
    problems.push(
      wrong('host', host, "a loopback address: 'localhost', '127.0.0.1' or '::1'") +
        `. To reach the profiler from another machine, forward the port: ssh -L 6060:localhost:${Number(port) || 6060} user@this-host`,
    );
  }
  if (!isInteger(port, 0, 65_535)) {
    problems.push(
      wrong('port', port, 'an integer from 0 (any free port) to 65535', `Number(${inspect(port)})`),
    );
  }
  if (whenPortTaken !== undefined && whenPortTaken !== 'wait' && whenPortTaken !== 'next') {
    problems.push(wrong('whenPortTaken', whenPortTaken, "'wait' or 'next'"));
  }
  if (socketPath !== undefined) {
    problems.push(...socketPathProblems(options));
  }
  return { host, port, whenPortTaken, socketPath };
}

function socketPathProblems({ host, port, socketPath }: PprofModuleOptions): string[] {
  const problems: string[] = [];
  if (typeof socketPath !== 'string' || !isAbsolute(socketPath) || /[\0\n\r]|\/$/.test(socketPath)) {
    problems.push(
      wrong('socketPath', socketPath, "the absolute path of a unix socket: '/run/my-service/pprof.sock'"),
    );
  }
  if (host !== undefined || port !== undefined) {
    const others = Object.entries({ host, port }).filter(([, value]) => value !== undefined);
    const names = others.map(([name]) => `"${name}"`).join(' and ');
    problems.push(
      `option "socketPath" takes the place of host and port, leave ${names} out (or undefined) or "socketPath"`,
    );
  }
  if (process.platform === 'win32') {
    problems.push('option "socketPath" is not available on Windows, use host and port');
  }
  return problems;
}
