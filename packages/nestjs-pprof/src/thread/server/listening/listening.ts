import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FromThread, ThreadData } from '../../../shared/thread.protocol.js';
import { TakenError, listenBeside, listenOnPort, type PortRule } from './port.listening.js';

/** A try costs next to nothing, and whoever restarts a service looks for its profiler right away. */
const FIRST_PAUSE_MILLIS = 250;
const LONGEST_PAUSE_MILLIS = 1000;

/** A process, or an application in this one, that is just being replaced is worth no warning. */
const TRIES_BEFORE_TOLD = 3;

/**
 * Has the server listen where the options say, as soon as that is free. @returns what to tell the main thread.
 *
 * @internal
 */
export async function listen(
  server: Server,
  options: Pick<ThreadData, 'socketPath'> & PortRule,
  /** Called once, with cause and remedy, where it takes longer than a second. */
  onTaken: (message: string) => void,
  /** It listens, but one who asks for `localhost` may get to somebody else. */
  onHalfTaken: (message: string) => void,
): Promise<FromThread & { type: 'listening' | 'listening-on-socket' }> {
  const { socketPath } = options;
  if (socketPath !== undefined) {
    const { listenOnSocket } = await import('./socket.file.js');
    const socket = await listenOnceFree(() => listenOnSocket(server, socketPath), onTaken);
    return { type: 'listening-on-socket', socket };
  }
  const { host, port, missing } = await listenOnceFree(() => listenOnPort(server, options), onTaken);
  if (missing !== undefined) {
    listenOnceFree(() => listenBeside(server, missing, port), onHalfTaken).catch(() => undefined);
  }
  return { type: 'listening', host, port };
}

/**
 * Tries until that is free; throws what `listenNow` throws where waiting does not help.
 *
 * @param onTaken called once, with cause and remedy, where it does not become free within a second
 * @internal
 */
export async function listenOnceFree<T>(
  listenNow: () => Promise<T>,
  onTaken: (message: string) => void,
  pause: (millis: number) => Promise<unknown> = sleep,
): Promise<T> {
  let pauseMillis = FIRST_PAUSE_MILLIS;
  for (let tries = 1; ; tries += 1) {
    try {
      return await listenNow();
    } catch (error) {
      if (!(error instanceof TakenError)) {
        throw error;
      }
      if (tries === TRIES_BEFORE_TOLD) {
        onTaken(error.describe());
      }
    }
    await pause(pauseMillis);
    pauseMillis = Math.min(2 * pauseMillis, LONGEST_PAUSE_MILLIS);
  }
}
