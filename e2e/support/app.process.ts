import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll } from '@jest/globals';

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartOptions {
  readonly args?: readonly string[];
  /** Flags of Node itself. */
  readonly execArgv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs the program given to it as its arguments, in surroundings of its own. */
  readonly launcher?: readonly string[];
  /** The user to run as; only root can choose. */
  readonly uid?: number;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly failure?: string;
}

const running = new Set<ChildProcess>();

function killAll(): void {
  for (const child of running) {
    child.kill('SIGKILL');
  }
}

// However a test ends, it leaves no process behind: after its file, and when Jest itself ends first.
process.on('exit', killAll);
afterAll(async () => {
  process.off('exit', killAll);
  await killProcesses();
});

/** Has a process ended with the tests of the file, unless it ends by itself before. */
export function endWithTests(child: ChildProcess): void {
  running.add(child);
  child.once('exit', () => running.delete(child));
}

/** Ends every process that the test file has started so far, and waits until they are gone. */
export async function killProcesses(): Promise<void> {
  const gone = [...running].map((child) => once(child, 'exit'));
  killAll();
  await Promise.all(gone);
}

/** A Node program under test in a process of its own, as in production. */
export class AppProcess {
  readonly exited: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #calls = new Map<number, (answer: Answer) => void>();
  readonly #onOutput = new Set<() => void>();
  #output = '';
  #nextId = 1;

  constructor(script: string, { args = [], execArgv = [], env = {}, launcher = [], uid }: StartOptions = {}) {
    // Not the whole environment: what a developer has set (NODE_OPTIONS, PORT, …) must not decide a test.
    const { PATH = '', HOME = '', TMPDIR } = process.env;
    // Also set by the fixtures themselves; set only while V8 compiles on other threads, it runs into a fatal check there.
    const flags = ['--max-inlined-bytecode-size=0', ...execArgv];
    const [command = '', ...rest] = [...launcher, process.execPath, ...flags, script, ...args];
    this.#child = spawn(command, rest, {
      env: { PATH, HOME, ...(TMPDIR ? { TMPDIR } : {}), NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    endWithTests(this.#child);
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        this.#onOutput.forEach((listener) => listener());
      });
    }
    this.#child.on('message', (answer: Answer) => {
      this.#calls.get(answer.id)?.(answer);
      this.#calls.delete(answer.id);
    });
    this.exited = once(this.#child, 'exit').then(([code, signal]) => ({ code, signal }) as Ending);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** All that was written to stdout and stderr so far. */
  get output(): string {
    return this.#output;
  }

  /** Lines that Nest logged as warnings or errors. */
  get complaints(): string[] {
    return this.#output.split('\n').filter((line) => / (WARN|ERROR) /.test(line));
  }

  /** The first match in the output; fails when the process ends without one. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    let listener: (() => void) | undefined;
    const found = new Promise<RegExpExecArray>((resolve) => {
      listener = () => {
        const match = pattern.exec(this.#output);
        if (match) {
          resolve(match);
        }
      };
      this.#onOutput.add(listener);
      listener();
    });
    try {
      return await this.#orExit(found, `print ${String(pattern)}`);
    } finally {
      this.#onOutput.delete(listener!);
    }
  }

  /** Calls one of the commands that a fixture app serves; see fixtures/apps/commands.mjs. */
  async call<T = unknown>(command: string, args?: unknown): Promise<T> {
    const id = this.#nextId++;
    const answered = new Promise<Answer>((resolve) => {
      this.#calls.set(id, resolve);
      // A process that has ended is told of by `#orExit`; without a callback the error would end the test run.
      this.#child.send({ id, command, args }, () => undefined);
    });
    const { result, failure } = await this.#orExit(answered, `answer ${command}`);
    if (failure !== undefined) {
      throw new Error(`${command}: ${failure}`);
    }
    return result as T;
  }

  /** Calls a command until its result is the wanted one. */
  async until<T>(command: string, wanted: (result: T) => boolean): Promise<T> {
    for (;;) {
      const result = await this.call<T>(command);
      if (wanted(result)) {
        return result;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Does not wait for the end: that is `exited`. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends the process, whatever it is doing. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  async #orExit<T>(work: Promise<T>, expected: string): Promise<T> {
    const gone = this.exited.then(({ code, signal }): never => {
      throw new Error(
        `The process ended (${signal ?? `code ${code}`}) and did not ${expected}.\n${this.#output}`,
      );
    });
    return Promise.race([work, gone]);
  }
}
