import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { endWithTests } from './app.process.js';
import { describeWithTool, findProgram } from './needed.tool.js';

const { resolve } = createRequire(import.meta.url);

/** What `npx nestjs-pprof` runs. */
export const CLI = join(dirname(resolve('nestjs-pprof/package.json')), 'dist/cli.cjs');

/** Gives a command a terminal: https://man7.org/linux/man-pages/man1/script.1.html */
const SCRIPT = findProgram('script');

/** A suite that needs a pseudo-terminal, see `describeWithTool`. */
export function describeWithTerminal(name: string, suite: () => void): void {
  const tool = { name: 'script', isFound: SCRIPT !== undefined, remedy: 'apt-get install bsdutils' };
  describeWithTool(tool, name, suite);
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** `npx nestjs-pprof …`, without a terminal, or in one. */
export class CommandRun {
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Of a terminal both are one. */
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #onOutput = new Set<() => void>();

  private constructor(command: string, args: readonly string[], { env = {}, cwd }: RunOptions) {
    const { PATH = '', HOME = '', TMPDIR } = process.env;
    this.#child = spawn(command, args, {
      env: { PATH, HOME, TERM: 'xterm', ...(TMPDIR ? { TMPDIR } : {}), ...env },
      stdio: 'pipe',
      ...(cwd === undefined ? {} : { cwd }),
    });
    endWithTests(this.#child);
    for (const name of ['stdout', 'stderr'] as const) {
      this.#child[name]!.setEncoding('utf8').on('data', (text: string) => {
        this[name] += text;
        this.#onOutput.forEach((listener) => listener());
      });
    }
    this.exited = once(this.#child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
  }

  static piped(args: readonly string[], options: RunOptions = {}): CommandRun {
    return new CommandRun(process.execPath, [CLI, ...args], options);
  }

  /** @param before what the shell in the terminal does first */
  static inTerminal(args: readonly string[], options: RunOptions = {}, before = ''): CommandRun {
    const quoted = [process.execPath, CLI, ...args].map((text) => `'${text.replaceAll("'", `'\\''`)}'`);
    // The size is that of nothing unless somebody says it.
    const line = `stty rows 40 cols 120; ${before} ${quoted.join(' ')}; echo "[exit $?]"; stty -a | grep -o -- '-\\?icanon\\|-\\?echo ' | tr '\\n' ' '`;
    return new CommandRun(SCRIPT ?? 'script', ['-qefc', line, '/dev/null'], options);
  }

  type(keys: string): void {
    this.#child.stdin!.write(keys);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** The first match in either output; fails when the command ends without one. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    let listener: (() => void) | undefined;
    const found = new Promise<RegExpExecArray>((settle) => {
      listener = () => {
        const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
        if (match) {
          settle(match);
        }
      };
      this.#onOutput.add(listener);
      listener();
    });
    const gone = this.exited.then(({ code }): never => {
      throw new Error(
        `It ended (${code}) and did not print ${String(pattern)}.\n${this.stdout}\n${this.stderr}`,
      );
    });
    try {
      return await Promise.race([found, gone]);
    } finally {
      this.#onOutput.delete(listener!);
    }
  }
}

/** Runs it to its end. */
export async function nestjsPprof(
  args: readonly string[],
  options: RunOptions = {},
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const run = CommandRun.piped(args, options);
  const { code } = await run.exited;
  return { code, stdout: run.stdout, stderr: run.stderr };
}
