import { monotonicMillis } from '../../shared/agent.protocol.js';
import { kernelCpu, kernelThread, kernelThreadsOf, ownKernelThread } from './kernel.threads.js';
import { MAIN_THREAD, type ThreadInfo } from './thread.info.js';

/**
 * Begins to measure for which part of the time a thread had a processor or waited for one: one that sleeps in between does
 * neither. What the container's CPU limit takes from it counts as waiting.
 *
 * @param workers all of the application's worker threads.
 * @returns what tells the part so far; undefined where the kernel does not.
 * @internal
 */
export function startBusyClock(thread: ThreadInfo, workers: readonly ThreadInfo[]): () => number | undefined {
  const own = ownKernelThread();
  const known = thread.id === MAIN_THREAD.id ? process.pid : kernelThreadsOf(workers)?.get(thread.id);
  const startedAt = monotonicMillis();
  const before = known === undefined ? busyNanosOfAll() : new Map([[known, busyNanosOf(known)]]);
  return () => {
    const elapsed = (monotonicMillis() - startedAt) * 1e6;
    const shares = [...before].flatMap(([tid, nanos]) => {
      const now = busyNanosOf(tid);
      return now === undefined || nanos === undefined ? [] : [{ tid, share: (now - nanos) / elapsed }];
    });
    if (known !== undefined) {
      return shares[0]?.share;
    }
    // Not known which it is, as before Node 24: certain only where so many are as busy that each of the workers must be.
    const others = shares
      .filter(({ tid }) => tid !== process.pid && tid !== own)
      .map(({ share }) => share)
      .toSorted((a, b) => b - a);
    return workers.length === 0 ? undefined : others[workers.length - 1];
  };
}

function busyNanosOfAll(): Map<number, number | undefined> {
  return new Map([...(kernelCpu()?.keys() ?? [])].map((tid) => [tid, busyNanosOf(tid)]));
}

function busyNanosOf(tid: number): number | undefined {
  const thread = kernelThread(tid);
  return thread && thread.cpuNanos + thread.waitedNanos;
}
