import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** How many processors the process can keep busy: what it may run on, and the CPU limit of its container. @internal */
export function processorLimit(): number {
  return Math.min(availableParallelism(), quota() ?? Infinity);
}

/** In processors; undefined where there is none. In a container the process's own group is the root of what it sees. */
function quota(): number | undefined {
  // https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
  const [max, period] = (read('cpu.max') ?? '').split(' ').map(Number);
  const [maxOfV1, periodOfV1] = ['cpu/cpu.cfs_quota_us', 'cpu/cpu.cfs_period_us'].map((file) =>
    Number(read(file)),
  );
  const limit = max! / period! || maxOfV1! / periodOfV1!;
  return limit > 0 ? limit : undefined;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(`/sys/fs/cgroup/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
