import { constants, createReadStream, type ReadStream } from 'node:fs';
import { join } from 'node:path';
import { close, fstat, lstat, open, readdir, rename, rm, writeFile } from './file.system.js';

/** What a process leaves behind: a heap profile as it was full, or the last minutes of the flight recorder. @internal */
export type PostMortem = 'oom' | 'flight';

/** A profile that a process has left behind. @internal */
export interface OomProfileFile {
  readonly name: string;
  readonly pid: number;
  readonly writtenAt: Date;
  readonly bytes: number;
}

/** Where files of one kind are kept; those of the other are counted apart. @internal */
export interface PostMortemLimits {
  readonly directory: string;
  readonly maxFiles: number;
  readonly maxBytes: number;
}

/** Its last part tells apart those of one second, also by processes of one pid: in containers that share a volume, all have 1. */
const NAME = /^(oom|flight)-(\d{1,10})-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z(?:-([0-9a-f]{8}))?\.pb\.gz$/;

/** More are never kept; whoever else puts files there does not keep this process busy with them. */
const MOST_FILES = 1000;

/** Eight hexadecimal digits: containers that share a volume may all have the same pid. @internal */
export function uniqueDigits(): string {
  return Math.floor(Math.random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}

/**
 * `oom-4711-20261124T031500Z-5f3a09c1.pb.gz`
 *
 * @param unique eight hexadecimal digits; without them, as it was called once
 * @internal
 */
export function oomProfileName(
  pid: number,
  writtenAt: Date,
  unique?: string,
  kind: PostMortem = 'oom',
): string {
  const seconds = writtenAt.toISOString().slice(0, 'yyyy-mm-ddThh:mm:ss'.length);
  return `${kind}-${pid}-${seconds.replaceAll(/[-:]/g, '')}Z${unique === undefined ? '' : `-${unique}`}.pb.gz`;
}

/** Whether a name can be one of ours: nothing else in the directory is listed, served or deleted. @internal */
export function isOomProfileName(name: string, kind: PostMortem = 'oom'): boolean {
  return parseName(name, kind) !== undefined;
}

/**
 * The newest first; none where there is no such directory. Nothing is opened: what has such a name may be anything.
 *
 * @throws where it cannot be read.
 * @internal
 */
export async function listOomProfiles(
  directory: string,
  kind: PostMortem = 'oom',
): Promise<OomProfileFile[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return [];
    }
    throw error;
  });
  const newest = names
    .map((name) => parseName(name, kind))
    .filter((parsed) => parsed !== undefined)
    .toSorted((a, b) => b.writtenAt.getTime() - a.writtenAt.getTime() || b.pid - a.pid)
    .slice(0, MOST_FILES);
  const files = await Promise.all(
    newest.map(async (parsed) => {
      // Another process may just be deleting it.
      const stats = await lstat(join(directory, parsed.name)).catch(() => undefined);
      return stats?.isFile() ? { ...parsed, bytes: stats.size } : undefined;
    }),
  );
  return files.filter((file) => file !== undefined);
}

/**
 * Opens one to be read, and only a file that lies there itself: a link, a directory, a FIFO (which would hold a thread of
 * libuv's pool, the application's too, until somebody writes to it) or a device is none.
 *
 * @returns undefined where there is no such file.
 * @internal
 */
export async function openOomProfile(
  directory: string,
  name: string,
  kind: PostMortem = 'oom',
): Promise<{ readonly size: number; readonly stream: ReadStream } | undefined> {
  if (!isOomProfileName(name, kind)) {
    return undefined;
  }
  // Windows has neither of the two.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const path = join(directory, name);
  const fd = await open(path, flags).catch(() => undefined);
  if (fd === undefined) {
    return undefined;
  }
  const stats = await fstat(fd).catch(() => undefined);
  if (!stats?.isFile() || stats.size === 0) {
    await close(fd);
    return undefined;
  }
  // No more than it has now, as that is what the answer says.
  return { size: stats.size, stream: createReadStream(path, { fd, start: 0, end: stats.size - 1 }) };
}

function parseName(name: string, kind: PostMortem): Omit<OomProfileFile, 'bytes'> | undefined {
  const [, of, pid, year, month, day, hour, minute, second, unique] = NAME.exec(name) ?? [];
  const writtenAt = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // The 99th of a month is no day, and the 31st not one of each.
  const isOurs =
    of === kind &&
    !Number.isNaN(writtenAt.getTime()) &&
    oomProfileName(Number(pid), writtenAt, unique, kind) === name;
  return isOurs ? { name, pid: Number(pid), writtenAt } : undefined;
}

/** What a process that was killed while it wrote has left. */
const UNFINISHED = /^\.(oom|flight)-\d+(-[0-9a-f]{8})?\.(tmp|full)$/;

/** Four times as long as the addon lets anyone write: what is younger is another process's, which is at it. */
const ABANDONED_AFTER_MILLIS = 60_000;

/**
 * Writes a profile for its owner alone, whole or not at all, and deletes the oldest ones beyond the limits.
 *
 * @param unique of one that may be there already, to be replaced
 * @throws where it is larger than all of them may be together, or cannot be written.
 * @internal
 */
export async function storeOomProfile(
  { directory, maxFiles, maxBytes }: PostMortemLimits,
  pid: number,
  writtenAt: Date,
  content: Uint8Array,
  kind: PostMortem = 'oom',
  unique = uniqueDigits(),
): Promise<void> {
  if (content.length > maxBytes) {
    throw new Error(`it has ${content.length} bytes, and "maxBytes" is ${maxBytes}`);
  }
  const fileName = oomProfileName(pid, writtenAt, unique, kind);
  // Before the new one is written: the disk may be full.
  await deleteOldest(
    { directory, maxFiles: maxFiles - 1, maxBytes: maxBytes - content.length },
    kind,
    ({ name }) => name !== fileName,
  );
  const temporary = join(directory, `.${kind}-${pid}-${unique}.tmp`);
  try {
    await writeFile(temporary, content, { mode: 0o600, flag: 'wx' });
    await rename(temporary, join(directory, fileName));
  } catch (error) {
    // A half of it would keep the disk full.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Deletes the oldest ones beyond the limits, and what was left half written. @internal */
export async function deleteOldest(
  { directory, maxFiles, maxBytes }: PostMortemLimits,
  kind: PostMortem,
  isOld: (file: OomProfileFile) => boolean = () => true,
): Promise<void> {
  const abandoned = await abandonedIn(directory);
  let bytes = 0;
  const surplus = (await listOomProfiles(directory, kind)).filter(isOld).filter((file, index) => {
    bytes += file.bytes;
    return index >= maxFiles || bytes > maxBytes;
  });
  const obsolete = [...abandoned, ...surplus.map(({ name }) => name)];
  await Promise.all(
    obsolete.map((name) => rm(join(directory, name), { force: true }).catch(() => undefined)),
  );
}

async function abandonedIn(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => UNFINISHED.test(name));
  const abandonedBefore = Date.now() - ABANDONED_AFTER_MILLIS;
  const ages = await Promise.all(
    names.map(async (name) => {
      const stats = await lstat(join(directory, name)).catch(() => undefined);
      return { name, isAbandoned: stats !== undefined && stats.mtimeMs < abandonedBefore };
    }),
  );
  return ages.filter(({ isAbandoned }) => isAbandoned).map(({ name }) => name);
}

/** What it says where the profiling thread has not done its part in time. The addon prints it with the command, too. @internal */
export const NOT_RECORDED = 'nestjs-pprof: no answer of the flight recorder in time';

/** What the process that writes the profile is told, as its argument. @internal */
export interface OomExportOptions {
  /** Where a heap profile is written; undefined for nowhere. */
  readonly heaps: PostMortemLimits | undefined;
  /** Path of the file that asks the profiling thread for what the flight recorder has; undefined where it has no directory. */
  readonly marker: string | undefined;
  readonly samplingInterval: number;
  readonly stackDepth: number;
  /** Since when allocations were sampled, milliseconds since the epoch. */
  readonly since: number;
  /** Whether what was freed meanwhile was counted, too, as in a window of `allocs?seconds=`. */
  readonly withGarbage: boolean;
  /** What Node was started with, and where: source maps and the names of files are looked up from there. */
  readonly script: string | undefined;
  readonly cwd: string;
  /** See `ThreadData`. */
  readonly ownCode: readonly string[];
}
