import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Failure } from './failure.mjs';
import { printLine } from './progress.mjs';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const READY_WITHIN_MS = 60_000;
const STOPS_WITHIN_MS = 5_000;
const APP_LINE = /Example listening on (http:\/\/[\w.:[\]-]+)/;
const PPROF_LINE = /Profiling server listening on (http:\/\/[\w.:[\]-]+)\/debug\/pprof/;

/** The example in a process of its own, as in production. */
export class ExampleProcess {
  /** The child's latest lines on stdout. They are held back at first, as Nest starts with fifty of them. */
  #lines = [];
  #isPassedOn = false;
  #onLine = () => {};
  #child;
  #exited;

  constructor(environment) {
    if (!existsSync(MAIN)) {
      throw new Failure(`${MAIN} is missing. Build it first: npm run build`);
    }
    this.#child = spawn(process.execPath, [MAIN], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#exited = once(this.#child, 'exit');
    // However this script ends, it leaves no server behind.
    process.once('exit', () => this.#child.kill('SIGKILL'));
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#lines = [...this.#lines, line].slice(-15);
      this.#onLine(line);
      if (this.#isPassedOn || /\bWARN\b/.test(line)) {
        printLine(line);
      }
    });
  }

  /** The addresses of the application and of the profiling server, whose lines come in either order. */
  async ready() {
    const addresses = new Promise((resolve) => {
      let app;
      let pprof;
      this.#onLine = (line) => {
        app ??= APP_LINE.exec(line)?.[1];
        pprof ??= PPROF_LINE.exec(line)?.[1];
        if (app && pprof) {
          resolve({ app, pprof });
        }
      };
    });
    const tooLate = delay(READY_WITHIN_MS, undefined, { ref: false }).then(() => {
      throw new Failure(
        `The example did not report both of its servers within ${READY_WITHIN_MS / 1000} s.${this.#tail()}`,
      );
    });
    return this.orExit(Promise.race([addresses, tooLate]));
  }

  /** The outcome of `work`, or a failure as soon as the child is gone. */
  async orExit(work) {
    const gone = this.#exited.then(([code, signal]) => {
      throw new Failure(`The example ended (${signal ?? `exit code ${code}`}).${this.#tail()}`);
    });
    return Promise.race([work, gone]);
  }

  /** From now on the child's output is shown as it comes. */
  passOn() {
    this.#isPassedOn = true;
  }

  /** Asks it to end, and ends it where it does not: a blocked event loop hears no signal. */
  async stop(signal) {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      return;
    }
    this.#child.kill(signal);
    const isStuck = await Promise.race([
      this.#exited.then(() => false),
      delay(STOPS_WITHIN_MS, true, { ref: false }),
    ]);
    if (isStuck) {
      console.error(`The example did not stop within ${STOPS_WITHIN_MS / 1000} s, so it is killed.`);
      this.#child.kill('SIGKILL');
      await this.#exited;
    }
  }

  #tail() {
    return this.#lines.length === 0 ? '' : ` Its last lines:\n${this.#lines.join('\n')}`;
  }
}
