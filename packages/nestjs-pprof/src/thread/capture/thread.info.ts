import { printable } from '../pprof/profile.model.js';

/** A JavaScript thread of the application. @internal */
export interface ThreadInfo {
  /** Node's `threadId`; 0 is the main thread. */
  readonly id: number;
  /** `main`, `worker 3`, `worker 3 (name)`: the value of the label `thread`. */
  readonly label: string;
}

/** @internal */
export const MAIN_THREAD: ThreadInfo = { id: 0, label: 'main' };

/** Node's own name for workers that were given none. */
const UNNAMED = new Set(['', 'WorkerThread']);

const MAX_NAME_LENGTH = 100;

/**
 * Reads a worker's id and name out of its title in the inspector, `[worker 3] name`.
 * https://github.com/nodejs/node/blob/main/src/node_worker.cc (`GetWorkerName` and where it is used)
 *
 * @internal
 */
export function workerFromTitle(title: string): ThreadInfo | undefined {
  const match = /^\[worker (\d+)\] ?(.*)$/s.exec(title);
  if (!match) {
    return undefined;
  }
  const [, id = '', name = ''] = match;
  return {
    id: Number(id),
    label: UNNAMED.has(name) ? `worker ${id}` : `worker ${id} (${printable(name, MAX_NAME_LENGTH)})`,
  };
}

/** Which threads a request is about. @internal */
export type ThreadSelection = 'all' | 'main' | readonly number[];

/** @internal */
export function isSelected(selection: ThreadSelection, { id }: ThreadInfo): boolean {
  return selection === 'all' || (selection === 'main' ? id === MAIN_THREAD.id : selection.includes(id));
}

/** @internal */
export function selectsWorkers(selection: ThreadSelection): boolean {
  return selection === 'all' || (selection !== 'main' && selection.some((id) => id !== MAIN_THREAD.id));
}
