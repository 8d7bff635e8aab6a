import { isLoopback } from '../loopback.js';
import type { PprofModuleOptions } from '../pprof.options.js';
import { inspect, isInteger, wrong } from './option.checks.js';

/** Where the profiles are served. @internal */
export interface ListenOptions {
  readonly host: string;
  readonly port: number;
}

/** @internal */
export const LISTEN_OPTIONS = ['host', 'port'];

/** @internal */
export function resolveListen(options: PprofModuleOptions, problems: string[]): ListenOptions {
  const { host = '127.0.0.1', port = 6060 } = options;
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
  return { host, port };
}
