import type { Server } from 'node:net';
import type { FromThread, ThreadData } from '../../../shared/thread.protocol.js';
import { listenOnceFree } from './listening.retry.js';
import { PortTakenError } from './port.errors.js';
import { listenOnPort, type PortRule } from './port.listening.js';
import { SocketTakenError } from './socket.errors.js';

/**
 * Has the server listen where the options say, as soon as that is free.
 *
 * @param onTaken called once, with cause and remedy, where that takes longer than a second
 * @returns what to tell the main thread.
 * @throws {PortError | SocketPathError} where waiting does not help.
 * @internal
 */
export async function listen(
  server: Server,
  options: Pick<ThreadData, 'socketPath'> & PortRule,
  onTaken: (message: string) => void,
): Promise<FromThread & { type: 'listening' | 'listening-on-socket' }> {
  const { socketPath } = options;
  if (socketPath === undefined) {
    const address = await listenOnceFree(() => listenOnPort(server, options), isTaken, onTaken);
    return { type: 'listening', ...address };
  }
  const { listenOnSocket } = await import('./socket.file.js');
  const socket = await listenOnceFree(() => listenOnSocket(server, socketPath), isTaken, onTaken);
  return { type: 'listening-on-socket', socket };
}

function isTaken(error: unknown): boolean {
  return error instanceof PortTakenError || error instanceof SocketTakenError;
}
