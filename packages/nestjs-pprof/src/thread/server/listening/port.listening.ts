import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { isLoopback } from '../../../shared/loopback.host.js';
import { messageOf, tried } from '../../../shared/pprof.error.js';

const PORTS_ABOVE = 63;

/** Clients take `localhost` for the one or the other, and ask the other where nobody answers. */
const LOCALHOST = ['127.0.0.1', '::1'];

/** Tries at a port that is free on both, where any will do. */
const TRIES_AT_ANY_PORT = 8;

/** Which ports to listen on. @internal */
export interface PortRule {
  readonly host: string;
  readonly port: number;
  readonly whenPortTaken: 'wait' | 'next';
  /** The port that this process had before its profiling thread was started again. */
  readonly previousPort?: number | undefined;
}

interface PortListening {
  readonly host: string;
  readonly port: number;
  /** The other of `localhost`'s addresses, where somebody else listens on it. */
  readonly missing?: string;
}

/**
 * Has the server listen on the first of its ports that is free: for `localhost` on both loopback addresses, so that nobody
 * else gets what is meant for it.
 *
 * @throws {TakenError} where none is, {ListenError} where waiting does not help.
 * @internal
 */
export async function listenOnPort(server: Server, rule: PortRule): Promise<PortListening> {
  const hosts = rule.host === 'localhost' ? LOCALHOST : [rule.host];
  let half: PortListening | undefined;
  for (const port of portsToTry(rule)) {
    const listening = await listenOnAll(server, hosts, port);
    if (listening !== undefined && listening.missing === undefined) {
      return listening;
    }
    half ??= listening;
    if (listening !== undefined && rule.whenPortTaken === 'wait' && port > 0) {
      return listening;
    }
    // Without waiting for whoever has connected: it can listen again right away.
    if (server.listening) {
      server.close();
    }
  }
  const listening = half && (await listenOnAll(server, hosts, half.port));
  if (listening === undefined) {
    throw new TakenError(() => describeTaken(rule));
  }
  return listening;
}

/**
 * The ports in the order in which they are tried: the lowest free one, and not one reckoned from the number of the process,
 * which `node:cluster` never uses twice: after some restarts nobody would know where to look.
 *
 * @internal
 */
export function portsToTry({ host, port, whenPortTaken, previousPort }: PortRule): number[] {
  const highest = whenPortTaken === 'next' && port > 0 ? highestOf(port) : port;
  const ports =
    port === 0 && host === 'localhost'
      ? Array.from({ length: TRIES_AT_ANY_PORT }, () => 0)
      : Array.from({ length: highest - port + 1 }, (_, index) => port + index);
  return previousPort === undefined
    ? ports
    : [previousPort, ...ports.filter((each) => each !== previousPort)];
}

function highestOf(port: number): number {
  return Math.min(port + PORTS_ABOVE, 65_535);
}

/** Listens on one more address, for the same server; false where the machine has none. @throws {TakenError} @internal */
export async function listenBeside(server: Server, host: string, port: number): Promise<boolean> {
  // What `http.createServer` has, see https://github.com/nodejs/node/blob/v24.x/lib/_http_server.js
  const beside = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
    server.emit('connection', socket),
  );
  // Such as the lack of a file descriptor for a client: not a reason to end.
  beside.on('error', () => undefined);
  const result = await tryToListen(beside, host, port);
  if (result === 'taken') {
    const own = (server.address() as AddressInfo).address;
    throw new TakenError(
      () =>
        `somebody else listens on port ${port} of ${host}, where "localhost" may lead, with credentials too. Ask for ` +
        `${own}, or give the profiler another port (option "port")`,
    );
  }
  server.once('close', () => beside.close());
  return result === 'listening';
}

/** @returns undefined where the port is taken on the first address that the machine has. */
async function listenOnAll(
  server: Server,
  hosts: readonly string[],
  port: number,
): Promise<PortListening | undefined> {
  const [host, other] = hosts;
  const result = await tryToListen(server, host!, port);
  if (result === 'taken') {
    return undefined;
  }
  if (result === 'no such address') {
    if (other === undefined) {
      throw new ListenError(
        `this machine has no address ${host}. Set the option "host" to 'localhost' for those that it has`,
      );
    }
    return listenOnAll(server, [other], port);
  }
  const listening = { host: host!, port: loopbackAddressOf(server, host!).port };
  try {
    if (other !== undefined) {
      await listenBeside(server, other, listening.port);
    }
    return listening;
  } catch (error) {
    if (error instanceof TakenError) {
      return { ...listening, missing: other! };
    }
    throw error;
  }
}

async function tryToListen(
  server: Server,
  host: string,
  port: number,
): Promise<'listening' | 'taken' | 'no such address'> {
  try {
    // Exclusive: not the listener that the workers of a cluster share.
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
    return 'listening';
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      return 'taken';
    }
    if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') {
      return 'no such address';
    }
    throw new ListenError(
      code === 'EACCES'
        ? `this user may not listen on port ${port}. Choose one above 1023`
        : messageOf(error),
    );
  }
}

function loopbackAddressOf(server: Server, host: string): AddressInfo {
  const address = server.address() as AddressInfo;
  if (!isLoopback(address.address)) {
    server.close();
    throw new ListenError(`${host} is ${address.address} on this machine, which is not a loopback address`);
  }
  return address;
}

function describeTaken({ host, port, whenPortTaken }: PortRule): string {
  const address = host === 'localhost' ? LOCALHOST[0] : host;
  if (whenPortTaken === 'next') {
    return (
      `the ports from ${port} to ${highestOf(port)} on ${address} are all taken. Waiting for one to become free. Give this ` +
      'process another one (option "port", 0 for any free one), or stop one of the others'
    );
  }
  return (
    `port ${port} on ${address} is taken${holderOf(port)}. ` +
    'Waiting for it to become free. Give the profiler another port (option "port", 0 for any free one), have it take the ' +
    `next free one (option "whenPortTaken": 'next'), or stop the other`
  );
}

const LISTENING = '0A';

/**
 * Who listens on a port, as far as Linux tells; empty elsewhere, and where nobody does any more.
 * https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html
 */
function holderOf(port: number): string {
  const sockets = ['tcp', 'tcp6']
    .flatMap((name) => tried(() => readFileSync(`/proc/self/net/${name}`, 'latin1'))?.split('\n') ?? [])
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', , state]) => state === LISTENING && parseInt(local.split(':')[1]!, 16) === port)
    .map(([, , , , , , , , , inode]) => `socket:[${inode}]`);
  if (sockets.length === 0) {
    return '';
  }
  const own = tried(() => readdirSync('/proc/self/fd')) ?? [];
  return own.some((descriptor) =>
    sockets.includes(tried(() => readlinkSync(`/proc/self/fd/${descriptor}`)) ?? ''),
  )
    ? ' by this process itself, its application perhaps'
    : ' by another process';
}

/** It cannot be listened on this port, or this path, now or later; the message has cause and remedy. @internal */
export class ListenError extends Error {
  override readonly name: string = 'ListenError';
}

/** Somebody listens there, who may be gone later. @internal */
export class TakenError extends ListenError {
  override readonly name = 'TakenError';

  /**
   * @param describe cause and remedy. It is tried again each second, and somebody told once: to find out who it is takes
   *   reading tables of the kernel.
   */
  constructor(readonly describe: () => string) {
    super('somebody else listens there');
  }
}
