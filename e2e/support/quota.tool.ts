import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describeWhere } from './needed.tool.js';

const UNDER_QUOTA = fileURLToPath(new URL('../under-quota', import.meta.url));

/** A suite that needs control groups, see `describeWhere`. */
export function describeWithQuota(name: string, suite: () => void): void {
  const { status, stderr } = spawnSync(UNDER_QUOTA, ['--cpus', '1', '--memory', '1G', 'true'], {
    encoding: 'utf8',
  });
  describeWhere(status === 0, `no control groups, ${stderr.trim()}`, name, suite);
}

/** For `StartOptions.launcher`: a process, and all that it starts, that has only this much of the machine. */
export function launcherWith({ cpus, memory }: { cpus: number; memory: string }): string[] {
  return [UNDER_QUOTA, '--cpus', String(cpus), '--memory', memory];
}
