import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, posix } from 'node:path';
import { tried } from '../../shared/pprof.error.js';

/** How many processors the process may use at a time, and by what. @internal */
export interface ProcessorLimit {
  readonly count: number;
  readonly by: string;
}

const ROOT = '/sys/fs/cgroup';

/**
 * The quota of the container or service where that is less than the processors that it may run on. Of control groups, which
 * lie in each other, the smallest quota holds.
 *
 * @param read for tests
 * @internal
 */
export function processorLimit(
  read: (file: string) => string = (file) => readFileSync(file, 'utf8'),
  processors = availableParallelism(),
): ProcessorLimit {
  const quotas = groupDirectories(read).flatMap((directory) => quotaIn(directory, read) ?? []);
  const quota = Math.min(...quotas);
  return quota < processors
    ? { count: quota, by: 'CPU quota of its control group' }
    : { count: processors, by: 'processors that it may run on' };
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
    const base = controllers === '' ? ROOT : join(ROOT, 'cpu');
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
