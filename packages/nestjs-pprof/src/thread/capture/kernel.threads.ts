import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import type { ThreadInfo } from './thread.info.js';

const TASKS = '/proc/self/task';

/** Threads of Node's platform, V8 and libuv, by the names they give themselves from Node 24 on. */
const NOT_JAVASCRIPT = /^((node-)?(V8Worker|DelayedTaskSche|SignalInspector|libuv-worker)|v8:|iou-)/;

/** CPU time that each kernel thread of the process has used so far, in nanoseconds, by its id. @internal */
export type KernelCpu = ReadonlyMap<number, number>;

/** @returns undefined where the kernel does not tell (not Linux). @internal */
export function kernelCpu(): KernelCpu | undefined {
  try {
    return new Map(readdirSync(TASKS).map((tid) => [Number(tid), cpuNanosOf(tid)]));
  } catch {
    return undefined;
  }
}

/** The same of the main thread, whose kernel id is that of the process. @internal */
export function cpuNanosOfMain(): number | undefined {
  try {
    return cpuNanosOf(String(process.pid));
  } catch {
    return undefined;
  }
}

/**
 * Finds the kernel threads of the workers, whose CPU time the kernel knows and V8 does not. Both number threads in the
 * order of their creation, so the two orders are laid side by side; only where every thread that may be a worker is one,
 * and this, the profiling, thread is found in its place, so that no number is attributed to the wrong thread.
 *
 * @param workers all of the application's worker threads
 * @returns kernel ids by `threadId`; undefined where they cannot be told for certain, as before Node 24.
 * @internal
 */
export function kernelThreadsOf(workers: readonly ThreadInfo[]): ReadonlyMap<number, number> | undefined {
  try {
    const mainName = nameOf(String(process.pid));
    const own = ownKernelThread();
    const candidates = readdirSync(TASKS)
      .filter((tid) => Number(tid) !== process.pid)
      .map((tid) => ({ tid: Number(tid), name: nameOf(tid) }))
      // A thread that an addon starts inherits the name of the thread it is started from.
      .filter(({ name }) => name !== mainName && !NOT_JAVASCRIPT.test(name))
      .map(({ tid }) => tid)
      .toSorted((a, b) => a - b);
    const ids = [...workers.map(({ id }) => id), threadId].toSorted((a, b) => a - b);
    const isCertain = candidates.length === ids.length && candidates[ids.indexOf(threadId)] === own;
    return isCertain ? new Map(ids.map((id, index) => [id, candidates[index]!])) : undefined;
  } catch {
    return undefined;
  }
}

/** The kernel's number of this, the profiling, thread; undefined where the kernel does not tell (not Linux). @internal */
export function ownKernelThread(): number | undefined {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return undefined;
  }
}

function nameOf(tid: string): string {
  return readFileSync(`${TASKS}/${tid}/comm`, 'utf8').trim();
}

/** First field of schedstat: https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat */
function cpuNanosOf(tid: string): number {
  return Number(readFileSync(`${TASKS}/${tid}/schedstat`, 'utf8').split(' ', 1)[0]);
}
