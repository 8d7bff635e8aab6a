import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';

const PERIOD_MICROS = 100_000;

const V1 = '/sys/fs/cgroup/cpu';
const V2 = '/sys/fs/cgroup';

/** Whether this process may give a share of a processor to another: root, with control groups of version 1 or 2. */
export const HAS_QUOTAS = process.getuid?.() === 0 && (existsSync(`${V1}/cpu.cfs_quota_us`) || hasV2());

function hasV2(): boolean {
  try {
    return readFileSync(`${V2}/cgroup.subtree_control`, 'utf8').includes('cpu');
  } catch {
    return false;
  }
}

/** A control group that has a share of one processor, for tests of processes that have to wait for it. */
export class QuotaGroup {
  readonly #directory: string;

  constructor(name: string, share: number) {
    const isV1 = existsSync(`${V1}/cpu.cfs_quota_us`);
    this.#directory = `${isV1 ? V1 : V2}/${name}-${process.pid}`;
    mkdirSync(this.#directory);
    const quota = Math.round(PERIOD_MICROS * share);
    if (isV1) {
      writeFileSync(`${this.#directory}/cpu.cfs_period_us`, String(PERIOD_MICROS));
      writeFileSync(`${this.#directory}/cpu.cfs_quota_us`, String(quota));
    } else {
      writeFileSync(`${this.#directory}/cpu.max`, `${quota} ${PERIOD_MICROS}`);
    }
  }

  /** With all its threads. */
  add(pid: number): void {
    writeFileSync(`${this.#directory}/cgroup.procs`, String(pid));
  }

  /** Once all its processes have ended. */
  remove(): void {
    rmdirSync(this.#directory);
  }
}
