import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { mainCpuMillis } from './cpu.clock.mjs';

const SCRIPT = fileURLToPath(new URL('soak.app.mjs', import.meta.url));

/** So much of its own CPU time without an answer, and the main thread hangs; on a busy machine that takes a while. */
const ANSWER_WITHIN_CPU_MILLIS = 30_000;
const LONGEST_MILLIS = 10 * 60_000;

/** The application under soak, in a process of its own. */
export class SoakApp {
  /** Settles when it takes commands. */
  ready;
  unexpectedOutput = [];
  version = '?';
  #child;
  #exited;
  #ending;
  #calls = new Map();
  #noted = new Map();
  #nextId = 1;

  constructor({ node, appOptions }) {
    const { PATH = '', HOME = '' } = process.env;
    this.#child = spawn(node, ['--expose-gc', SCRIPT, JSON.stringify(appOptions)], {
      env: { PATH, HOME, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    process.on('exit', () => this.kill());
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        for (const line of text.split('\n').filter((each) => each.trim() !== '')) {
          this.#note(line);
        }
      });
    }
    // Not `exit`: what a crash has to say may come after that.
    this.#exited = once(this.#child, 'close').then(([code, signal]) => {
      this.#ending = { code, signal };
      return this.#ending;
    });
    this.ready = this.#orEnd(
      new Promise((resolve) => {
        this.#child.on('message', ({ ready, id, result, version }) => {
          if (ready) {
            this.version = version;
            resolve();
          } else {
            this.#calls.get(id)?.(result);
            this.#calls.delete(id);
          }
        });
      }),
      'start',
    );
  }

  /** What is repeated all the time is kept a few times; a crash report, whole. */
  #note(line) {
    const times = (this.#noted.get(line) ?? 0) + 1;
    this.#noted.set(line, times);
    if (times <= 3) {
      this.unexpectedOutput.push(line);
    }
  }

  get hasEnded() {
    return this.#ending !== undefined;
  }

  async call(command) {
    const id = this.#nextId++;
    const answered = new Promise((resolve) => {
      this.#calls.set(id, resolve);
    });
    if (!this.hasEnded) {
      this.#child.send({ id, command }, () => undefined);
    }
    return this.#orEnd(answered, `answer ${command}`);
  }

  async exit() {
    this.#child.send({ id: 0, command: 'exit' });
    return this.#exited;
  }

  kill() {
    this.#child.kill('SIGKILL');
  }

  async #orEnd(work, what) {
    let timer;
    const { pid } = this.#child;
    const began = { cpu: mainCpuMillis(pid), wall: performance.now() };
    const tooLate = new Promise((_, reject) => {
      timer = setInterval(() => {
        const cpu = mainCpuMillis(pid) - began.cpu;
        const wall = performance.now() - began.wall;
        if (cpu > ANSWER_WITHIN_CPU_MILLIS || wall > LONGEST_MILLIS) {
          const seconds = (millis) => `${(millis / 1000).toFixed(1)} s`;
          reject(new Error(`The process did not ${what} within ${seconds(wall)}, ${seconds(cpu)} of CPU.`));
        }
      }, 1000);
    });
    const ended = this.#exited.then(({ code, signal }) => {
      throw new Error(`CRASH: the process ended (${signal ?? `code ${code}`}) and did not ${what}.`);
    });
    try {
      return await Promise.race([work, tooLate, ended]);
    } finally {
      clearInterval(timer);
    }
  }
}
