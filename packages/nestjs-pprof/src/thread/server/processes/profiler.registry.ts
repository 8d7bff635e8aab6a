import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, unlink, writeFile } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { threadId } from 'node:worker_threads';
import { isLoopback } from '../../../shared/loopback.host.js';
import type { ApplicationInfo } from '../../../shared/thread.protocol.js';
import { isAlive, ownNamespaces, startTicksOf } from './process.identity.js';

/** A process of this user that serves profiles, for a person who looks for the right one. @internal */
export interface RunningProfiler {
  readonly pid: number;
  readonly title: string;
  /** Absolute path of the script that it was started with. */
  readonly program: string;
  /** See `process.instance.ts`. */
  readonly instance: string | null;
  /** Null where it listens on a unix socket. */
  readonly host: string | null;
  readonly port: number | null;
  readonly socketPath: string | null;
}

/** A profiler that listens. @internal */
export type ListeningApplication = Pick<
  ApplicationInfo,
  'pid' | 'title' | 'argv' | 'cwd' | 'execPath' | 'instance'
> &
  Pick<RunningProfiler, 'host' | 'port' | 'socketPath'>;

interface Entry extends RunningProfiler {
  readonly startTicks: string | null;
  readonly namespaces: string;
}

const ENTRY_NAME = /^\d{1,10}-(\d{1,5}|socket\d{1,10})\.json$/;

const LARGEST_ENTRY_BYTES = 16 * 1024;
const MOST_ENTRIES = 256;

/** No more of a title or path than a page has room for. */
const LONGEST_TEXT = 1024;

/**
 * The profilers that this user runs on this host: a file for each, in a directory that nobody else can enter. It is a
 * convenience, so whatever is wrong with the directory, such as that somebody else has made it first, means that there
 * are no others to be seen, and is not an error.
 *
 * @internal
 */
export class ProfilerRegistry {
  #own: string | undefined;

  /** @param directory created where it is missing; its parent may be open to everybody, as `/tmp` is. */
  constructor(private readonly directory: string) {}

  /** @returns the file to remove when the profiler ends; undefined where there is none. */
  async register(application: ListeningApplication): Promise<string | undefined> {
    const { pid, port } = application;
    try {
      await mkdir(this.directory, { mode: 0o700 }).catch(() => undefined);
      if (!(await isOursAlone(this.directory))) {
        return undefined;
      }
      const file = join(this.directory, `${pid}-${port ?? `socket${threadId}`}.json`);
      const entry: Entry = {
        ...describe(application),
        startTicks: (await startTicksOf(pid)) ?? null,
        namespaces: await ownNamespaces(),
      };
      // One that is there is left over from a process that had the same id. `wx` follows no link.
      await unlink(file).catch(() => undefined);
      await writeFile(file, `${JSON.stringify(entry)}\n`, { flag: 'wx', mode: 0o600 });
      this.#own = file;
      // Where nobody ever looks at them, those of killed processes would pile up.
      await this.others();
      return file;
    } catch {
      return undefined;
    }
  }

  /** All but this one, by port. Removes what processes have left behind that were killed. */
  async others(): Promise<RunningProfiler[]> {
    try {
      if (!(await isOursAlone(this.directory))) {
        return [];
      }
      const namespaces = await ownNamespaces();
      const names = (await readdir(this.directory)).filter((name) => ENTRY_NAME.test(name));
      const files = names.slice(0, MOST_ENTRIES).map((name) => join(this.directory, name));
      const read = files.filter((file) => file !== this.#own).map((file) => runningIn(file, namespaces));
      return (await Promise.all(read))
        .filter((each) => each !== undefined)
        .toSorted((a, b) => (a.port ?? 0) - (b.port ?? 0));
    } catch {
      return [];
    }
  }
}

/** Whether it is a directory, not a link to one, that this user owns and nobody else can enter. */
async function isOursAlone(directory: string): Promise<boolean> {
  const stats = await lstat(directory);
  // On Windows there is neither, and the directory for temporary files is the user's own.
  const uid = process.getuid?.();
  return stats.isDirectory() && (uid === undefined || (stats.uid === uid && (stats.mode & 0o077) === 0));
}

function describe({
  pid,
  title,
  argv,
  cwd,
  execPath,
  instance,
  host,
  port,
  socketPath,
}: ListeningApplication): RunningProfiler {
  const script = argv[1];
  const program = script === undefined ? execPath : resolve(cwd, script);
  return {
    pid,
    title: title.slice(0, LONGEST_TEXT),
    program: program.slice(0, LONGEST_TEXT),
    instance: instance ?? null,
    host,
    port,
    socketPath,
  };
}

async function runningIn(file: string, namespaces: string): Promise<RunningProfiler | undefined> {
  const entry = toEntry(await readSmallFile(file).catch(() => ''));
  // In another container it may run all the same; its port cannot be reached from here.
  if (entry === undefined || entry.namespaces !== namespaces) {
    return undefined;
  }
  const isRunning = isAlive(entry.pid) && ((await startTicksOf(entry.pid)) ?? null) === entry.startTicks;
  if (!isRunning) {
    await unlink(file).catch(() => undefined);
    return undefined;
  }
  const { pid, title, program, instance, host, port, socketPath } = entry;
  return { pid, title, program, instance, host, port, socketPath };
}

async function readSmallFile(file: string): Promise<string> {
  // Windows has no such flag.
  const handle = await open(
    file,
    constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0),
  );
  try {
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(LARGEST_ENTRY_BYTES),
      0,
      LARGEST_ENTRY_BYTES,
      0,
    );
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

function toEntry(text: string): Entry | undefined {
  try {
    const entry = JSON.parse(text) as Entry;
    const isWhole =
      Number.isSafeInteger(entry.pid) &&
      entry.pid > 0 &&
      [entry.title, entry.program, entry.namespaces].every((value) => typeof value === 'string') &&
      [entry.instance, entry.startTicks].every((value) => value === null || typeof value === 'string') &&
      hasAddress(entry);
    return isWhole ? entry : undefined;
  } catch {
    return undefined;
  }
}

function hasAddress({ host, port, socketPath }: Entry): boolean {
  return typeof socketPath === 'string'
    ? isAbsolute(socketPath) && host === null && port === null
    : typeof host === 'string' && isLoopback(host) && Number.isSafeInteger(port);
}
