import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';

const PERIOD_MICROS = 100_000;

/**
 * Gives the process no more than this share of a processor, as a container with a limit has. Needs root and control groups.
 *
 * @returns what removes the limit once the process has ended; undefined where there can be none.
 */
export function limitProcessor(pid, share) {
  const quota = Math.round(share * PERIOD_MICROS);
  const isFirstVersion = existsSync('/sys/fs/cgroup/cpu/cpu.cfs_quota_us');
  const group = `/sys/fs/cgroup/${isFirstVersion ? 'cpu/' : ''}nestjs-pprof-bench-${pid}`;
  const limits = isFirstVersion
    ? { 'cpu.cfs_period_us': PERIOD_MICROS, 'cpu.cfs_quota_us': quota }
    : { 'cpu.max': `${quota} ${PERIOD_MICROS}` };
  try {
    mkdirSync(group);
    for (const [file, value] of Object.entries(limits)) {
      writeFileSync(`${group}/${file}`, String(value));
    }
    writeFileSync(`${group}/cgroup.procs`, String(pid));
  } catch {
    remove(group);
    return undefined;
  }
  return () => remove(group);
}

function remove(group) {
  try {
    rmdirSync(group);
  } catch {
    // It was not made, or a process is still ending in there: it is empty then, and goes with the next restart.
  }
}
