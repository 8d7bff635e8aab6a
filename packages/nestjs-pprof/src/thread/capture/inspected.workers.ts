import { messageOf } from '../../shared/error.message.js';
import { InspectorConnection } from './inspector.connection.js';
import type { InspectorTarget } from './inspector.target.js';
import { isSelected, selectsWorkers, type ThreadSelection } from './thread.info.js';
import { ThreadEndedError } from './threads.errors.js';
import { WorkerTargets } from './worker.targets.js';

/** What was found out of each thread, and which threads nothing could be found out of, with the reason. @internal */
export interface FromThreads<T> {
  readonly results: T[];
  readonly skipped: string[];
}

/**
 * Asks every worker thread there is, all at once. One that ends meanwhile is not missed.
 *
 * @throws the signal's reason, as soon as it fires.
 * @internal
 */
export async function askWorkers<T>(
  selection: ThreadSelection,
  ask: (target: InspectorTarget) => Promise<T>,
  signal: AbortSignal,
): Promise<FromThreads<T>> {
  const results: T[] = [];
  const skipped: string[] = [];
  if (!selectsWorkers(selection)) {
    return { results, skipped };
  }
  const askOne = async (target: InspectorTarget) => {
    try {
      results.push(await ask(target));
    } catch (error) {
      if (!(error instanceof ThreadEndedError)) {
        skipped.push(`${target.thread.label}: ${messageOf(error)}`);
      }
    }
  };
  try {
    await InspectorConnection.using(async (connection) => {
      const asked: Array<Promise<void>> = [];
      await WorkerTargets.attach(connection, (target) => {
        if (isSelected(selection, target.thread)) {
          asked.push(askOne(target));
        }
      });
      await Promise.all(asked);
      // One that was cut off has been skipped, which is not why nobody waits for it.
      signal.throwIfAborted();
    }, signal);
  } catch (error) {
    signal.throwIfAborted();
    skipped.push(`worker threads, if there are any: ${messageOf(error)}`);
  }
  return { results, skipped };
}
