import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** A heap profile that a process has left behind as it ran out of memory. @internal */
export interface OomProfileFile {
  readonly name: string;
  readonly pid: number;
  readonly writtenAt: Date;
  readonly bytes: number;
}

/** Its last part tells apart those of one second, also by processes of one pid: in containers that share a volume, all have 1. */
const NAME = /^oom-(\d{1,10})-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z(?:-([0-9a-f]{8}))?\.pb\.gz$/;

/**
 * `oom-4711-20261124T031500Z-5f3a09c1.pb.gz`
 *
 * @param unique eight hexadecimal digits; without them, as it was called once
 * @internal
 */
export function oomProfileName(pid: number, writtenAt: Date, unique?: string): string {
  const seconds = writtenAt.toISOString().slice(0, 'yyyy-mm-ddThh:mm:ss'.length);
  return `oom-${pid}-${seconds.replaceAll(/[-:]/g, '')}Z${unique === undefined ? '' : `-${unique}`}.pb.gz`;
}

/** Whether a name can be one of ours: nothing else in the directory is listed, served or deleted. @internal */
export function isOomProfileName(name: string): boolean {
  return NAME.test(name);
}

/**
 * The newest first; none where there is no such directory.
 *
 * @throws where it cannot be read.
 * @internal
 */
export async function listOomProfiles(directory: string): Promise<OomProfileFile[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return [];
    }
    throw error;
  });
  const files = await Promise.all(names.map((name) => describe(directory, name)));
  return files
    .filter((file) => file !== undefined)
    .toSorted((a, b) => b.writtenAt.getTime() - a.writtenAt.getTime() || b.pid - a.pid);
}

async function describe(directory: string, name: string): Promise<OomProfileFile | undefined> {
  const [, pid, year, month, day, hour, minute, second] = NAME.exec(name) ?? [];
  if (pid === undefined) {
    return undefined;
  }
  // Another process may just be deleting it.
  const stats = await lstat(join(directory, name)).catch(() => undefined);
  const writtenAt = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return stats?.isFile() ? { name, pid: Number(pid), writtenAt, bytes: stats.size } : undefined;
}
