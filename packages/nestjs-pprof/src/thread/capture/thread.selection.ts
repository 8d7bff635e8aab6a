import { InspectorUnavailableError } from '../../shared/agent.errors.js';
import { messageOf } from '../../shared/pprof.error.js';
import { printable } from '../pprof/profile.model.js';
import {
  NoThreadError,
  ThreadEndedError,
  ThreadStuckError,
  ThreadUnreachableError,
} from './threads.errors.js';

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
export type ThreadSelection = 'all' | readonly number[];

/** @internal */
export function isSelected(selection: ThreadSelection, { id }: ThreadInfo): boolean {
  return selection === 'all' || selection.includes(id);
}

/** @internal */
export function selectsWorkers(selection: ThreadSelection): boolean {
  return selection === 'all' || selection.some((id) => id !== MAIN_THREAD.id);
}

/** What was found out of each thread, and which threads nothing could be found out of, with the reason. @internal */
export interface FromThreads<T> {
  readonly results: readonly T[];
  readonly skipped: readonly string[];
}

/** What threads that are asked at the same time have answered so far. @internal */
export class Answers<T> implements FromThreads<T> {
  readonly results: T[] = [];
  readonly skipped: string[] = [];

  readonly #selection: ThreadSelection;

  constructor(selection: ThreadSelection) {
    this.#selection = selection;
  }

  /** Takes the answer of a thread, if it is selected. One that ends meanwhile is not among those skipped. */
  async take(
    thread: ThreadInfo,
    answer: () => Promise<T>,
    onEnded: () => void = () => undefined,
  ): Promise<void> {
    if (!isSelected(this.#selection, thread)) {
      return;
    }
    try {
      this.results.push(await answer());
    } catch (error) {
      if (error instanceof ThreadEndedError) {
        onEnded();
      } else {
        this.skipped.push(`${thread.label}: ${messageOf(error)}`);
      }
    }
  }

  /** No worker can be reached. */
  skipWorkers(error: unknown): void {
    const via = error instanceof ThreadUnreachableError ? ', which are reached through the main thread' : '';
    const reason = `${WORKERS}, if there are any${via}: ${messageOf(error)}`;
    // It is tried with each worker that starts.
    if (!this.skipped.includes(reason)) {
      this.skipped.push(reason);
    }
  }
}

/**
 * Asks the threads that are selected, at the same time; the results are in their order.
 *
 * @throws {NoThreadError} where there is nothing of any thread.
 * @internal
 */
export async function fromThreads<T extends { readonly thread: ThreadInfo }>(
  selection: ThreadSelection,
  ofMain: () => Promise<FromThreads<T>>,
  ofWorkers: () => Promise<FromThreads<T>>,
): Promise<FromThreads<T>> {
  return joined(
    selection,
    await Promise.all([
      ...(isSelected(selection, MAIN_THREAD) ? [ofMain()] : []),
      ...(selectsWorkers(selection) ? [ofWorkers()] : []),
    ]),
  );
}

/**
 * What was found of all threads, in their order.
 *
 * @param ended labels of those that have ended meanwhile, where that is told elsewhere
 * @throws {NoThreadError} where there is nothing of any thread.
 * @internal
 */
export function joined<T extends { readonly thread: ThreadInfo }>(
  selection: ThreadSelection,
  found: ReadonlyArray<FromThreads<T>>,
  ended: readonly string[] = [],
): FromThreads<T> {
  const results = found.flatMap((part) => part.results).toSorted((a, b) => a.thread.id - b.thread.id);
  const skipped = found.flatMap((part) => part.skipped);
  if (results.length === 0) {
    throw new NoThreadError(skipped);
  }
  const known = [...results.map(({ thread }) => thread.label), ...ended];
  return { results, skipped: [...skipped, ...absentOf(selection, known, skipped)] };
}

const WORKERS = 'worker threads';

/** Threads that were asked for by their ids, and that nothing is told of. @param known labels of those that something is */
function absentOf(
  selection: ThreadSelection,
  known: readonly string[],
  skipped: readonly string[],
): string[] {
  // Where no worker can be reached, it is not known which there are.
  if (selection === 'all' || skipped.some((reason) => reason.startsWith(WORKERS))) {
    return [];
  }
  const labels = [...known, ...skipped];
  const isKnown = (id: number) => labels.some((label) => new RegExp(`^worker ${id}\\b`).test(label));
  const absent = [...new Set(selection)].filter((id) => id !== MAIN_THREAD.id && !isKnown(id));
  return absent.map((id) => `worker ${id}: there is no such thread, or no longer`);
}

/** Asks main: no reason to do without the others. @throws {InspectorUnavailableError} or the signal's reason. @internal */
export async function mainOrSkipped<T>(
  ask: () => Promise<T>,
  signal: AbortSignal,
  describe: (message: string) => string = (message) => message,
): Promise<FromThreads<T>> {
  try {
    return { results: [await ask()], skipped: [] };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof InspectorUnavailableError) {
      throw error;
    }
    return { results: [], skipped: [`${MAIN_THREAD.label}: ${describe(messageOf(error))}`] };
  }
}

/** The same, but that it can be reached, and fails, is told. @internal */
export async function foundOrSkipped<T>(ask: () => Promise<T>): Promise<FromThreads<T>> {
  try {
    return { results: [await ask()], skipped: [] };
  } catch (error) {
    if (!(error instanceof ThreadUnreachableError || error instanceof ThreadStuckError)) {
      throw error;
    }
    return { results: [], skipped: [`${MAIN_THREAD.label}: ${error.message}`] };
  }
}
