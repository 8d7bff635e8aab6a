import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { threadId } from 'node:worker_threads';
import { isLoopback } from '../../shared/loopback.host.js';
import { tried } from '../../shared/pprof.error.js';
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
 * The profilers that this user runs on this host: a file for each, in a directory that nobody else can enter. A convenience:
 * whatever is wrong with it, such as that somebody else has made it first, means that there are no others to be seen.
 *
 * @internal
 */
export class ProfilerRegistry {
  #own: string | undefined;

  /** @param directory created where it is missing; its parent may be open to everybody, as `/tmp` is. */
  constructor(private readonly directory: string) {}

  /** @returns the file to remove when the profiler ends; undefined where there is none. */
  register(application: ListeningApplication): string | undefined {
    const { pid, title, argv, cwd, execPath, instance = null, host, port, socketPath } = application;
    try {
      tried(() => mkdirSync(this.directory, { mode: 0o700 }));
      if (!isOursAlone(this.directory)) {
        return undefined;
      }
      const file = join(this.directory, `${pid}-${port ?? `socket${threadId}`}.json`);
      const program = shown(argv[1] ? resolve(cwd, argv[1]) : execPath);
      const origin = { startTicks: startTicksOf(pid) ?? null, namespaces: ownNamespaces() };
      const entry: Entry = { pid, title: shown(title), program, instance, host, port, socketPath, ...origin };
      // One that is there is left over from a process that had the same id. `wx` follows no link.
      tried(() => unlinkSync(file));
      writeFileSync(file, `${JSON.stringify(entry)}\n`, { flag: 'wx', mode: 0o600 });
      this.#own = file;
      const touch = () => tried(() => utimesSync(file, new Date(), new Date()));
      setInterval(touch, TOUCH_MILLIS).unref();
      // Where nobody ever looks at them, those of killed processes would pile up.
      this.others();
      return file;
    } catch {
      return undefined;
    }
  }

  /** All but this one, by port. Removes what processes have left behind that were killed. */
  others(): RunningProfiler[] {
    try {
      if (!isOursAlone(this.directory)) {
        return [];
      }
      const namespaces = ownNamespaces();
      const names = readdirSync(this.directory).filter((name) => ENTRY_NAME.test(name));
      const files = names.map((name) => join(this.directory, name)).filter((file) => file !== this.#own);
      const running: RunningProfiler[] = [];
      // One after the other, as there may be many, left behind by containers; of those that run there are few.
      for (const file of files) {
        const found = running.length < MOST_ENTRIES && runningIn(file, namespaces);
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
function isOursAlone(directory: string): boolean {
  // As BigInt: Node's other array of numbers is shared by all that it asks for.
  const stats = lstatSync(directory, { bigint: true });
  // On Windows there is neither, and the directory for temporary files is the user's own.
  const uid = process.getuid?.();
  return (
    stats.isDirectory() && (uid === undefined || (Number(stats.uid) === uid && (stats.mode & 0o077n) === 0n))
  );
}

function shown(text: string): string {
  return text.slice(0, LONGEST_TEXT).replaceAll(new RegExp(CONTROL_CHARACTERS, 'g'), ' ');
}

function runningIn(file: string, namespaces: string): RunningProfiler | undefined {
  const { text, writtenAt } = tried(() => readSmallFile(file)) ?? { text: '', writtenAt: Date.now() };
  const entry = toEntry(text);
  // In another container it may run all the same; its port cannot be reached from here.
  const isElsewhere = entry?.namespaces !== namespaces;
  const isRunning = isElsewhere
    ? Date.now() - writtenAt < ABANDONED_MILLIS
    : isAlive(entry.pid) && (startTicksOf(entry.pid) ?? null) === entry.startTicks;
  if (!isRunning) {
    tried(() => unlinkSync(file));
  }
  if (entry === undefined || isElsewhere || !isRunning) {
    return undefined;
  }
  const { pid, title, program, instance, host, port, socketPath } = entry;
  return { pid, title, program, instance, host, port, socketPath };
}

/** What it is not is not waited for, nor followed: a link, a FIFO, a directory. */
function readSmallFile(file: string): { text: string; writtenAt: number } {
  // Windows has no such flags.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const descriptor = openSync(file, flags);
  try {
    const stats = fstatSync(descriptor, { bigint: true });
    const bytes = Buffer.alloc(LARGEST_ENTRY_BYTES);
    const bytesRead = stats.isFile() ? readSync(descriptor, bytes, 0, bytes.length, 0) : 0;
    return { text: bytes.toString('utf8', 0, bytesRead), writtenAt: Number(stats.mtimeMs) };
  } finally {
    closeSync(descriptor);
  }
}

/** @returns undefined for what `register` has not written: it is shown, and as a command to copy. */
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
 * In the kernel's ticks since boot: tells a process from a later one with the same id. Undefined where it or `/proc` is not.
 * https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html (field 22)
 */
function startTicksOf(pid: number): string | undefined {
  const stat = tried(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  // The second field is the command in parentheses, in which there may be anything.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

/** In which an id and a port mean something; containers may share a directory and not these. Empty where there are none. */
function ownNamespaces(): string {
  return ['pid', 'net'].map((kind) => tried(() => readlinkSync(`/proc/self/ns/${kind}`)) ?? '').join('');
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
