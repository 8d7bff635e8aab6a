import { constants } from 'node:fs';
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  unlink,
  utimes,
  writeFile,
  readFile,
  readlink,
} from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { threadId } from 'node:worker_threads';
import { isLoopback } from '../../shared/loopback.host.js';
import type { RunningProfiler } from '../../shared/process.variables.js';
import type { ApplicationInfo } from '../../shared/thread.protocol.js';

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

/** Of another container nobody can see from here whether it runs: those that do touch their entry now and then. */
const TOUCH_MILLIS = 6 * 3600 * 1000;
const ABANDONED_MILLIS = 2 * 24 * 3600 * 1000;

// oxlint-disable-next-line no-control-regex
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

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
      setInterval(() => touch(file), TOUCH_MILLIS).unref();
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
      const files = names.map((name) => join(this.directory, name)).filter((file) => file !== this.#own);
      const running: RunningProfiler[] = [];
      // One after the other, as there may be many, left behind by containers; of those that run there are few.
      for (const file of files) {
        const found = running.length < MOST_ENTRIES && (await runningIn(file, namespaces));
        if (found) {
          running.push(found);
        }
      }
      return running.toSorted((a, b) => (a.port ?? 0) - (b.port ?? 0));
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
    title: shown(title),
    program: shown(program),
    instance: instance ?? null,
    host,
    port,
    socketPath,
  };
}

function shown(text: string): string {
  return text.slice(0, LONGEST_TEXT).replaceAll(new RegExp(CONTROL_CHARACTERS, 'g'), ' ');
}

async function runningIn(file: string, namespaces: string): Promise<RunningProfiler | undefined> {
  const { text, writtenAt } = await readSmallFile(file).catch(() => ({ text: '', writtenAt: Date.now() }));
  const entry = toEntry(text);
  // In another container it may run all the same; its port cannot be reached from here.
  const isElsewhere = entry?.namespaces !== namespaces;
  const isRunning = isElsewhere
    ? Date.now() - writtenAt < ABANDONED_MILLIS
    : isAlive(entry.pid) && ((await startTicksOf(entry.pid)) ?? null) === entry.startTicks;
  if (!isRunning) {
    await unlink(file).catch(() => undefined);
  }
  if (entry === undefined || isElsewhere || !isRunning) {
    return undefined;
  }
  const { pid, title, program, instance, host, port, socketPath } = entry;
  return { pid, title, program, instance, host, port, socketPath };
}

function touch(file: string): void {
  const now = new Date();
  utimes(file, now, now).catch(() => undefined);
}

/** What it is not is not waited for, nor followed: a link, a FIFO, a directory. */
async function readSmallFile(file: string): Promise<{ text: string; writtenAt: number }> {
  // Windows has no such flags.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const handle: FileHandle = await open(file, flags);
  try {
    const stats = await handle.stat();
    const bytes = Buffer.alloc(LARGEST_ENTRY_BYTES);
    const { bytesRead } = stats.isFile() ? await handle.read(bytes, 0, bytes.length, 0) : { bytesRead: 0 };
    return { text: bytes.toString('utf8', 0, bytesRead), writtenAt: stats.mtimeMs };
  } finally {
    await handle.close();
  }
}

/** @returns undefined for what was not written as `describe` does: it is shown, and as a command to copy. */
function toEntry(text: string): Entry | undefined {
  try {
    const entry = JSON.parse(text) as Partial<Entry>;
    const { pid, title, program, namespaces, instance = null, startTicks = null } = entry;
    const { host = null, port = null, socketPath = null } = entry;
    const isWhole =
      Number.isSafeInteger(pid) &&
      pid! > 0 &&
      [title, program, namespaces].every(isPlainText) &&
      [instance, startTicks].every((value) => value === null || isPlainText(value)) &&
      (isPlainText(socketPath)
        ? isAbsolute(socketPath) && host === null && port === null
        : socketPath === null && isPlainText(host) && isLoopback(host) && isPort(port));
    return isWhole ? { ...(entry as Entry), instance, startTicks, host, port, socketPath } : undefined;
  } catch {
    return undefined;
  }
}

function isPort(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) > 0 && Number(value) < 65_536;
}

function isPlainText(value: unknown): value is string {
  return typeof value === 'string' && !CONTROL_CHARACTERS.test(value);
}

/**
 * When a process was started, in the kernel's ticks since boot: what tells it from a later one with the same id.
 * Undefined where there is no such process, or no `/proc`.
 * https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html (field 22)
 */
async function startTicksOf(pid: number): Promise<string | undefined> {
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
 */
async function ownNamespaces(): Promise<string> {
  const names = await Promise.all(
    ['pid', 'net'].map((kind) => readlink(`/proc/self/ns/${kind}`).catch(() => '')),
  );
  return names.join('');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
