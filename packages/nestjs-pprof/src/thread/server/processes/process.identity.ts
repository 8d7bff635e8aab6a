import { readFile, readlink } from 'node:fs/promises';

/**
 * When a process was started, in the kernel's ticks since boot: what tells it from a later one with the same id.
 * Undefined where there is no such process, or no `/proc`.
 * https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html (field 22)
 *
 * @internal
 */
export async function startTicksOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    // The second field is the command in parentheses, in which there may be anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/**
 * The namespaces in which the process's id and its ports mean something; containers may share a directory and not these.
 * Empty where there are none.
 *
 * @internal
 */
export async function ownNamespaces(): Promise<string> {
  const names = await Promise.all(
    ['pid', 'net'].map((kind) => readlink(`/proc/self/ns/${kind}`).catch(() => '')),
  );
  return names.join('');
}

/** @internal */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
