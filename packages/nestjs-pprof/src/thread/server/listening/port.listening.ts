import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { messageOf } from '../../../shared/error.message.js';
import { isLoopback } from '../../../shared/loopback.host.js';
import { PortError, PortTakenError } from './port.errors.js';

/** How far above the wanted port one is looked for. */
const PORTS_ABOVE = 63;

/** Which ports to listen on. @internal */
export interface PortRule {
  readonly host: string;
  readonly port: number;
  readonly whenPortTaken: 'wait' | 'next';
  /** The port that this process had before its profiling thread was started again. */
  readonly previousPort?: number | undefined;
}

/**
 * Has the server listen on the first of its ports that is free.
 *
 * @throws {PortTakenError} where none of them is.
 * @throws {PortError} where it cannot be listened for another reason.
 * @internal
 */
export async function listenOnPort(server: Server, rule: PortRule): Promise<{ host: string; port: number }> {
  for (const port of portsToTry(rule)) {
    if (await listens(server, rule.host, port)) {
      return loopbackAddressOf(server, rule.host);
    }
  }
  throw new PortTakenError(taken(rule));
}

/**
 * The ports in the order in which they are tried. The lowest free one, and not one that is reckoned from the number of
 * the process: `node:cluster` never uses a number twice, so after some restarts nobody would know where to look, whereas
 * these stay the same few.
 *
 * @internal
 */
export function portsToTry({ port, whenPortTaken, previousPort }: PortRule): number[] {
  const highest = whenPortTaken === 'next' && port > 0 ? highestOf(port) : port;
  const ports = Array.from({ length: highest - port + 1 }, (_, index) => port + index);
  return previousPort === undefined
    ? ports
    : [previousPort, ...ports.filter((each) => each !== previousPort)];
}

function highestOf(port: number): number {
  return Math.min(port + PORTS_ABOVE, 65_535);
}

/** @returns false where the port is taken. */
async function listens(server: Server, host: string, port: number): Promise<boolean> {
  try {
    // Exclusive: not the listener that the workers of a cluster share.
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      return false;
    }
    throw new PortError(
      code === 'EACCES'
        ? `this user may not listen on port ${port}. Choose one above 1023`
        : messageOf(error),
    );
  }
}

function loopbackAddressOf(server: Server, host: string): { host: string; port: number } {
  const { address, port } = server.address() as AddressInfo;
  if (!isLoopback(address)) {
    server.close();
    throw new PortError(`${host} is ${address} on this machine, which is not a loopback address`);
  }
  return { host: address, port };
}

function taken({ host, port, whenPortTaken }: PortRule): string {
  if (whenPortTaken === 'next') {
    return (
      `the ports from ${port} to ${highestOf(port)} on ${host} are all taken. Waiting for one to become free. Give this ` +
      'process another one (option "port", 0 for any free one), or stop one of the others'
    );
  }
  return (
    `port ${port} on ${host} is taken by another process. Waiting for it to become free. Give this one another port ` +
    `(option "port", 0 for any free one), have it take the next free one (option "whenPortTaken": 'next'), or stop the ` +
    'other'
  );
}
