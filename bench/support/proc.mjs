import { readdirSync, readFileSync } from 'node:fs';

/** Resident memory in bytes, as the kernel counts it: all of it, and the part that no file backs. Linux only. */
export function residentMemory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return { total: kilobytes(status, 'VmRSS') * 1024, anonymous: kilobytes(status, 'RssAnon') * 1024 };
}

function kilobytes(status, field) {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
}

/**
 * CPU time in nanoseconds: of all threads, and of the main thread alone, whose id is that of the process. A thread that
 * has ended is not counted any more, so compare only while the same threads run. Linux only.
 * https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat
 */
export function cpuTime(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const times = threads.map((thread) => {
    const schedstat = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8');
    return Number(schedstat.split(' ', 1)[0]);
  });
  return {
    process: times.reduce((sum, time) => sum + time, 0),
    mainThread: times[threads.indexOf(String(pid))],
  };
}
