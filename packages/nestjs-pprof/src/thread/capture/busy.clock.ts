import { monotonicMillis } from '../../shared/agent.protocol.js';
import { kernelCpu, kernelThread, kernelThreadsOf, ownKernelThread } from './kernel.threads.js';
import { MAIN_THREAD, type ThreadInfo } from './thread.info.js';

/** How often the kernel is asked whether the thread runs or is ready to. */
const CHECK_MILLIS = 20;

interface Observed {
  readonly busyNanos: number;
  checks: number;
  busyChecks: number;
}

/**
 * Begins to measure for which part of the time a thread had a processor or waited for one: one that sleeps in between does
 * neither. What the container's CPU limit takes from it counts as waiting.
 *
 * @param workers all of the application's worker threads.
 * @returns what tells the part so far; undefined where the kernel does not.
 * @internal
 */
export function startBusyClock(
  thread: ThreadInfo,
  workers: readonly ThreadInfo[],
): { part(): number | undefined; stop(): void } {
  const own = ownKernelThread();
  const known = thread.id === MAIN_THREAD.id ? process.pid : kernelThreadsOf(workers)?.get(thread.id);
  const candidates =
    known === undefined
      ? [...(kernelCpu()?.keys() ?? [])].filter((tid) => tid !== process.pid && tid !== own)
      : [known];
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
  }, CHECK_MILLIS);
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
