import { readFileSync } from 'node:fs';

/** CPU time of the main thread of a process so far; where the kernel does not tell (not Linux), the time that has passed. */
export function mainCpuMillis(pid) {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ', 1)[0]) / 1e6;
  } catch {
    return performance.now();
  }
}
