import { processCpuUsage } from './own.clocks.js';
import { tried } from './pprof.error.js';

// threadCpuUsage came with Node 22.19 and 23.9.
const { threadCpuUsage } = process as { threadCpuUsage?: () => NodeJS.CpuUsage };

/**
 * CPU time that the thread which asks has used so far, in nanoseconds. Undefined where neither Node nor the kernel tells.
 *
 * @internal
 */
export function threadCpuNanos(): number | undefined {
  if (threadCpuUsage) {
    // Of a thread that runs on, the kernel brings this clock up to date at each of its ticks, four milliseconds at the worst; and
    // whenever the clock of the process is asked for. https://github.com/torvalds/linux/blob/master/kernel/sched/cputime.c
    // (`thread_group_cputime`)
    processCpuUsage();
    const { user, system } = threadCpuUsage.call(process);
    return (user + system) * 1000;
  }
  const { readFileSync } = process.getBuiltinModule('node:fs');
  // First field: nanoseconds on the CPU. https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat
  return tried(() => Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ', 1)[0]));
}

/** CPU time from one reading to the next; undefined where one of them is. @internal */
export function cpuBetween(before: number | undefined, after: number | undefined): number | undefined {
  return before === undefined || after === undefined ? undefined : after - before;
}
