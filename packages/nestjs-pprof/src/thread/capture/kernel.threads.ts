import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, posix } from 'node:path';
import { threadId } from 'node:worker_threads';
import { monotonicMillis } from '../../shared/agent.protocol.js';
import { tried } from '../../shared/pprof.error.js';
import { MAIN_THREAD, type ThreadInfo } from './thread.selection.js';

const TASKS = '/proc/self/task';

/** Threads of Node's platform, V8 and libuv, by the names they give themselves from Node 24 on. */
const NOT_JAVASCRIPT = /^((node-)?(V8Worker|DelayedTaskSche|SignalInspector|libuv-worker)|v8:|iou-)/;

/** What concerns all threads is asked for by each of them: reading it costs half a millisecond with thirty threads. */
const FRESH_MILLIS = 200;

/** CPU nanoseconds of each kernel thread so far; like all here, undefined where the kernel does not tell (not Linux). @internal */
export function kernelCpu(): ReadonlyMap<number, number> | undefined {
  return schedstats(0);
}

/** Of the main thread, whose kernel id is that of the process. @internal */
export function cpuNanosOfMain(): number | undefined {
  return tried(() => schedstatOf(process.pid)[0]);
}

/** How many threads the process has, V8's and libuv's among them. @internal */
export function kernelThreadCount(): number | undefined {
  return tried(() => tasks().length);
}

/**
 * Finds the kernel threads of the workers. Node numbers threads in the order of their creation, and the kernel knows when each was
 * created, so the two orders are laid side by side; only where every thread that may be a worker is one, and this, the profiling,
 * thread is found in its place. (The kernel's numbers begin anew when they have come to the highest, 32,768 on many machines.)
 *
 * @param workers all of the application's worker threads
 * @returns kernel ids by `threadId`; undefined where they cannot be told for certain, as before Node 24.
 * @internal
 */
export function kernelThreadsOf(workers: readonly ThreadInfo[]): ReadonlyMap<number, number> | undefined {
  const ids = [...workers.map(({ id }) => id), threadId].toSorted((a, b) => a - b);
  return kernelThreadsOfIds(ids.join());
}

const kernelThreadsOfIds = keptFor(FRESH_MILLIS, (ids: string) =>
  tried(() => findKernelThreads(ids.split(',').map(Number))),
);

function findKernelThreads(ids: readonly number[]): ReadonlyMap<number, number> | undefined {
  const mainName = nameOf(process.pid);
  const candidates = tasks()
    .filter((tid) => {
      const name = nameOf(tid);
      // A thread that an addon starts inherits the name of the thread it is started from.
      return tid !== process.pid && name !== mainName && !NOT_JAVASCRIPT.test(name);
    })
    .map((tid) => ({ tid, startTicks: Number(statOf(tid)[START_TIME]) }))
    .toSorted((a, b) => a.startTicks - b.startTicks || a.tid - b.tid)
    .map(({ tid }) => tid);
  const isCertain =
    candidates.length === ids.length && candidates[ids.indexOf(threadId)] === ownKernelThread();
  return isCertain ? new Map(ids.map((id, index) => [id, candidates[index]!])) : undefined;
}

/** The kernel's number of this, the profiling, thread. @internal */
export function ownKernelThread(): number | undefined {
  return tried(() => Number(readlinkSync('/proc/thread-self').split('/').at(-1)));
}

/** What the kernel knows of a thread. @internal */
export interface KernelThread {
  readonly cpuNanos: number;
  /** How long it was ready to run and had no processor, so far; the quota of a container counts. */
  readonly waitedNanos: number;
  /** `R` runs or is ready to; `S` and `D` sleep: in a call that waits for something. */
  readonly state: string;
  /** How often it has waited for a page of its memory to be read from disk, so far. */
  readonly majorFaults: number;
}

/** @returns undefined also for a thread that has ended. @internal */
export function kernelThread(tid: number): KernelThread | undefined {
  return tried(() => {
    const [cpuNanos, waitedNanos] = schedstatOf(tid);
    const stat = statOf(tid);
    return { cpuNanos, waitedNanos, state: stat[STATE] ?? '', majorFaults: Number(stat[MAJOR_FAULTS]) };
  });
}

/** Positions among the fields after the name: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const STATE = 0;
const MAJOR_FAULTS = 9;
const START_TIME = 19;

/** The name before them, in parentheses, may hold spaces and parentheses itself. */
function statOf(tid: number): string[] {
  const stat = readFileSync(`${TASKS}/${tid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** How often it is seen to whether the thread runs or is ready to. */
const BUSY_CHECK_MILLIS = 20;

interface Observed {
  readonly busyNanos: number;
  checks: number;
  busyChecks: number;
}

/**
 * Begins to measure for which part of the time a thread had a processor or waited for one, that of a CPU limit included.
 *
 * @param workers all of the application's worker threads
 * @internal
 */
export function startBusyClock(
  thread: ThreadInfo,
  workers: readonly ThreadInfo[],
): { part(): number | undefined; stop(): void } {
  const own = ownKernelThread();
  const known = thread.id === MAIN_THREAD.id ? process.pid : kernelThreadsOf(workers)?.get(thread.id);
  const candidates =
    known === undefined ? (tried(tasks) ?? []).filter((tid) => tid !== process.pid && tid !== own) : [known];
  const startedAt = monotonicMillis();
  const observed = new Map<number, Observed>();
  for (const tid of candidates) {
    const now = kernelThread(tid);
    if (now) {
      observed.set(tid, { busyNanos: now.cpuNanos + now.waitedNanos, checks: 0, busyChecks: 0 });
    }
  }
  const timer = setInterval(() => {
    for (const [tid, of] of observed) {
      of.checks += 1;
      of.busyChecks += kernelThread(tid)?.state === 'R' ? 1 : 0;
    }
  }, BUSY_CHECK_MILLIS);
  const partOf = (tid: number, { busyNanos, checks, busyChecks }: Observed) => {
    const now = kernelThread(tid);
    const byClock = now
      ? (now.cpuNanos + now.waitedNanos - busyNanos) / ((monotonicMillis() - startedAt) * 1e6)
      : 0;
    // A wait is on the clock when it is over, which on a busy machine may be late.
    return Math.max(byClock, checks < 3 ? 0 : busyChecks / checks);
  };
  return {
    part() {
      const parts = [...observed].map(([tid, of]) => partOf(tid, of)).toSorted((a, b) => b - a);
      if (known !== undefined) {
        return parts[0];
      }
      // Not known which it is, as before Node 24: certain only where so many are as busy that each of the workers must be.
      return workers.length === 0 ? undefined : parts[workers.length - 1];
    },
    stop: () => clearInterval(timer),
  };
}

/** Of the time: less is what the interrupts of a profiler take. */
const IDLE_PART = 0.02;

/** They collect garbage for it, which it waits for asleep. */
const FOR_OTHERS = /^((node-)?V8Worker|v8:)/;

/**
 * Begins to measure whether a thread does nothing: it neither runs nor waits for a processor, for memory, or for V8's own threads.
 *
 * @returns tells whether that is certain. Of a worker, only where no thread that could be it does anything.
 * @internal
 */
export function startIdleClock({ id }: ThreadInfo): () => boolean {
  const own = ownKernelThread();
  const mayBeIt = (tid: number) => tid !== process.pid && tid !== own && !isNamed(tid, NOT_JAVASCRIPT);
  const all = tried(tasks) ?? [];
  const candidates = id === MAIN_THREAD.id ? [process.pid] : all.filter(mayBeIt);
  const helpers = all.filter((tid) => isNamed(tid, FOR_OTHERS));
  const startedAt = monotonicMillis();
  const before = candidates.map((tid) => [tid, kernelThread(tid)] as const);
  return () => {
    const millis = monotonicMillis() - startedAt;
    return (
      before.length > 0 &&
      before.every(([tid, then]) => wasIdle(then, kernelThread(tid), millis)) &&
      helpers.every((tid) => (kernelThread(tid)?.state ?? ASLEEP) === ASLEEP)
    );
  };
}

/** Whether a thread has done nothing in between. One that has ended is another. @internal */
export function wasIdle(
  then: KernelThread | undefined,
  now: KernelThread | undefined,
  millis: number,
): boolean {
  return (
    then === undefined ||
    now === undefined ||
    (now.state === ASLEEP &&
      now.majorFaults === then.majorFaults &&
      busyNanosOf(now) - busyNanosOf(then) < IDLE_PART * millis * 1e6)
  );
}

/** In a call that waits; not for a disk, as it does for memory that was swapped out. */
const ASLEEP = 'S';

/** One that has ended has no name. */
function isNamed(tid: number, names: RegExp): boolean {
  return tried(() => names.test(nameOf(tid))) ?? true;
}

function busyNanosOf({ cpuNanos, waitedNanos }: KernelThread): number {
  return cpuNanos + waitedNanos;
}

/** How long each thread of the process was ready to run and had no processor, so far: nanoseconds by the kernel's number. @internal */
export const processorWaits = keptFor(FRESH_MILLIS, () => schedstats(1) ?? new Map<number, number>());

/** How often a CPU limit has held the process up. @internal */
export const timesThrottled = keptFor(FRESH_MILLIS, () => throttlesSoFar());

/** Of the same question only: what is read differs with it. */
function keptFor<A extends readonly string[], T>(
  millis: number,
  read: (...question: A) => T,
): (...question: A) => T {
  let last: { readonly at: number; readonly asked: string; readonly value: T } | undefined;
  return (...question) => {
    const at = monotonicMillis();
    const asked = question.join();
    last = last?.asked === asked && at - last.at < millis ? last : { at, asked, value: read(...question) };
    return last.value;
  };
}

function tasks(): number[] {
  return readdirSync(TASKS).map(Number);
}

/** One column of each thread's; one that has just ended is left out. */
function schedstats(column: 0 | 1): ReadonlyMap<number, number> | undefined {
  const columnOf = (tid: number) => tried(() => schedstatOf(tid)[column]);
  return tried(
    () =>
      new Map(
        tasks()
          .map((tid) => [tid, columnOf(tid)] as const)
          .filter(isKnown),
      ),
  );
}

function isKnown(entry: readonly [number, number | undefined]): entry is readonly [number, number] {
  return entry[1] !== undefined;
}

function nameOf(tid: number): string {
  return readFileSync(`${TASKS}/${tid}/comm`, 'utf8').trim();
}

/** CPU time and waits for a processor, in nanoseconds: https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat */
function schedstatOf(tid: number): readonly [cpu: number, waited: number] {
  const [cpu = 0, waited = 0] = readFileSync(`${TASKS}/${tid}/schedstat`, 'utf8').split(' ').map(Number);
  return [cpu, waited];
}

/** How many processors the process may use at a time, and by what. @internal */
export interface ProcessorLimit {
  readonly count: number;
  readonly by: string;
}

const CONTROL_GROUPS = '/sys/fs/cgroup';

/** The quota of the container or service where that is less than the processors: of control groups, the smallest. @internal */
export function processorLimit(read = readText, processors = availableParallelism()): ProcessorLimit {
  const quotas = groupDirectories(read).flatMap((directory) => quotaIn(directory, read) ?? []);
  const quota = Math.min(...quotas);
  return quota < processors
    ? { count: quota, by: 'CPU quota of its control group' }
    : { count: processors, by: 'processors that it may run on' };
}

/** Periods of such a quota in which the group wanted to run, and those of them in which the quota has held it up. @internal */
export interface Throttling {
  readonly periods: number;
  readonly throttled: number;
}

/** So far, of each control group that the process lies in; the groups' own counts. @internal */
export function throttling(read = readText): ReadonlyMap<string, Throttling> {
  return new Map(groupDirectories(read).map((directory) => [directory, throttlingIn(directory, read)]));
}

/** How often such a quota has held the process up so far. @internal */
export function throttlesSoFar(read = readText): number {
  return [...throttling(read).values()].reduce((sum, { throttled }) => sum + throttled, 0);
}

/** Version 2 has the same names: https://docs.kernel.org/scheduler/sched-bwc.html#statistics */
function throttlingIn(directory: string, read: (file: string) => string): Throttling {
  const stat = tried(() => read(join(directory, 'cpu.stat'))) ?? '';
  const [periods = 0, throttled = 0] = [/^nr_periods (\d+)$/m, /^nr_throttled (\d+)$/m].map((line) =>
    Number(line.exec(stat)?.[1] ?? 0),
  );
  return { periods, throttled };
}

function readText(file: string): string {
  return readFileSync(file, 'utf8');
}

/** From the process's own up to the root, as both versions have them. In a container its own is often the root. */
function groupDirectories(read: (file: string) => string): string[] {
  const lines = tried(() => read('/proc/self/cgroup'))?.split('\n') ?? [];
  return lines.flatMap((line) => {
    // `0::/path` in version 2, `4:cpu,cpuacct:/path` in version 1: https://man7.org/linux/man-pages/man7/cgroups.7.html
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const isCpu = controllers === '' || controllers.split(',').includes('cpu');
    if (!path.startsWith('/') || !isCpu) {
      return [];
    }
    const base = controllers === '' ? CONTROL_GROUPS : join(CONTROL_GROUPS, 'cpu');
    const directories: string[] = [];
    for (let group = posix.normalize(path); ; group = posix.dirname(group)) {
      directories.push(join(base, group));
      if (group === '/') {
        return directories;
      }
    }
  });
}

/** https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu, https://docs.kernel.org/scheduler/sched-bwc.html */
function quotaIn(directory: string, read: (file: string) => string): number | undefined {
  const [quota, period] =
    tried(() => read(join(directory, 'cpu.max')).split(' ').map(Number)) ??
    tried(() =>
      ['cpu.cfs_quota_us', 'cpu.cfs_period_us'].map((file) => Number(read(join(directory, file)))),
    ) ??
    [];
  // `max` and -1 are none.
  return quota! > 0 && period! > 0 ? quota! / period! : undefined;
}
