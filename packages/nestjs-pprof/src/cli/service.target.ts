import { isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { tried } from '../shared/pprof.error.js';
import { registryDirectory, type RunningProfiler } from '../shared/process.variables.js';
import { printable } from '../thread/pprof/profile.model.js';
import { ProfilerRegistry } from '../thread/server/profiler.registry.js';
import { UsageError } from './cli.errors.js';

/** Where a profiler is asked. @internal */
export interface ServiceTarget {
  /** Without credentials; of a socket, with a host that nobody asks. */
  readonly origin: string;
  /** Before `/debug/`, where something in front has one. */
  readonly prefix: string;
  readonly socketPath: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** For people; without credentials. */
  readonly label: string;
}

const DEFAULT_PORT = 6060;

/**
 * Reads a port, the path of a unix socket, or a URL, of which what follows `/debug/` does not count.
 *
 * @throws {UsageError}
 * @internal
 */
export function parseTarget(text: string): ServiceTarget {
  const none = { username: undefined, password: undefined, prefix: '' };
  if (/^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65_536) {
    // A name may be two addresses, of which somebody else has the other.
    const origin = `http://127.0.0.1:${text}`;
    return { ...none, origin, socketPath: undefined, label: origin };
  }
  const [, socket] = /^(?:unix:(?:\/\/(?=\/))?|(?=\.{0,2}\/))(.+)$/s.exec(text) ?? [];
  if (socket !== undefined) {
    return { ...none, origin: 'http://localhost', socketPath: resolve(socket), label: resolve(socket) };
  }
  const url = urlOf(text);
  const credentials = url && tried(() => [url.username, url.password].map(decodeURIComponent));
  if (url === undefined || credentials === undefined) {
    // Not repeated: it may have a password in it.
    throw new UsageError(
      'not a port, the path of a unix socket (/run/app.sock) or a URL (http://127.0.0.1:6060; a % in a password is %25 there)',
    );
  }
  const [username, password] = credentials;
  const prefix = url.pathname.split(/\/debug(?:\/|$)/)[0]!.replace(/\/$/, '');
  return {
    origin: url.origin,
    prefix,
    socketPath: undefined,
    username: username || undefined,
    password: password || undefined,
    label: `${url.origin}${prefix}`,
  };
}

function urlOf(text: string): URL | undefined {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = /^\d+$/.test(text) ? undefined : tried(() => new URL(withScheme));
  return url && /^https?:$/.test(url.protocol) ? url : undefined;
}

function targetOf({ host, port, socketPath }: RunningProfiler): ServiceTarget {
  return parseTarget(socketPath ?? `http://${isIPv6(host!) ? `[${host}]` : host}:${port}`);
}

/**
 * Whom to ask where nobody is named: the only profiler of this user that runs here; without one a tunnel, by the usual port.
 *
 * @throws {UsageError} where there are several: which of them is meant is not guessed.
 * @internal
 */
export function defaultTarget(running: readonly RunningProfiler[], command: string): ServiceTarget {
  const [only, another] = running;
  if (another !== undefined) {
    const example = `npx nestjs-pprof ${command} ${printable(only?.socketPath ?? String(only?.port))}`;
    throw new UsageError(
      `several processes can be profiled here, name one by its port or socket, such as: ${example}\n${listText(running, false).trimEnd()}`,
    );
  }
  return only === undefined ? parseTarget(String(DEFAULT_PORT)) : targetOf(only);
}

/** The processes of this user, on this machine and in this container, that can be profiled. @internal */
export function runningProfilers(): RunningProfiler[] {
  return new ProfilerRegistry(registryDirectory()).others();
}

/** As text for people, or as JSON. @internal */
export function listText(running: readonly RunningProfiler[], json: boolean): string {
  if (json) {
    return `${JSON.stringify(running, null, 2)}\n`;
  }
  if (running.length === 0) {
    return `none: no process of this user with PprofModule on is noted in ${registryDirectory()}. Those of another user: run this as that user; of a service with a TMPDIR of its own (systemd PrivateTmp, a container): run it there, or name the port or socket\n`;
  }
  const rows = [
    ['port or socket', 'pid', 'process', 'program'],
    ...running.map(({ pid, title, instance, program, port, socketPath }) =>
      [socketPath ?? String(port), String(pid), [instance, title].filter(Boolean).join(', '), program].map(
        (text) => printable(text),
      ),
    ),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) => `${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ')}\n`)
    .join('');
}
