import { InspectorConnection, type InspectorTarget } from './inspector.connection.js';
import { MAIN_THREAD } from './thread.info.js';
import { NoThreadError } from './threads.errors.js';
import { WorkerTargets } from './worker.targets.js';

/**
 * Uses the inspector of one thread, in a session of its own that ends with the use, or at once with the signal.
 *
 * @throws {NoThreadError} where there is no such thread, and whatever the inspector throws.
 * @internal
 */
export async function useThread<T>(
  id: number,
  signal: AbortSignal,
  use: (target: InspectorTarget) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  return InspectorConnection.using(async (connection) => {
    const close = () => connection.close();
    signal.addEventListener('abort', close, { once: true });
    try {
      return await use(id === MAIN_THREAD.id ? connection : await workerWith(id, connection));
    } finally {
      signal.removeEventListener('abort', close);
    }
  });
}

async function workerWith(id: number, connection: InspectorConnection): Promise<InspectorTarget> {
  let found: InspectorTarget | undefined;
  await WorkerTargets.attach(connection, (target) => {
    if (target.thread.id === id) {
      found = target;
    }
  });
  if (!found) {
    throw new NoThreadError([]);
  }
  return found;
}
