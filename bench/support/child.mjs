import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const WITHIN_MS = 30_000;

/** A process of its own that ends, at the latest, with this one. */
export class Child {
  #process;
  #lines = [];
  #asked = 0;
  exited;

  constructor({ command, args = [], env = {}, cwd, ipc = true }) {
    this.#process = spawn(command, args, {
      cwd,
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['pipe', 'pipe', 'pipe', ...(ipc ? ['ipc'] : [])],
    });
    this.exited = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => resolve(signal ?? code));
      this.#process.once('error', (error) => resolve(error.message));
    });
    const kill = () => this.#process.kill('SIGKILL');
    process.once('exit', kill);
    void this.exited.then(() => process.removeListener('exit', kill));
    for (const output of [this.#process.stdout, this.#process.stderr]) {
      createInterface({ input: output }).on('line', (line) => {
        this.#lines.push(line);
        this.#process.emit('bench-line');
      });
    }
  }

  get pid() {
    return this.#process.pid;
  }

  /** What the first group of each pattern is in the child's output, as soon as all of them have come. */
  async printed(patterns) {
    return this.#before('print what was waited for', WITHIN_MS, (resolve) => {
      const check = () => {
        const found = patterns.map((pattern) => this.#lines.map((line) => pattern.exec(line)).find(Boolean));
        if (found.every(Boolean)) {
          this.#process.removeListener('bench-line', check);
          resolve(found.map((match) => match[1]));
        }
      };
      this.#process.on('bench-line', check);
      check();
    });
  }

  /** Has the child do something, and takes the answer: see fixtures/answer.mjs. */
  async ask(command, argument, within = WITHIN_MS) {
    const id = (this.#asked += 1);
    const { error, result } = await this.#before(`answer "${command}"`, within, (resolve) => {
      const take = (message) => {
        if (message.id === id) {
          this.#process.removeListener('message', take);
          resolve(message);
        }
      };
      this.#process.on('message', take);
      this.#process.send({ id, command, argument });
    });
    if (error) {
      throw new Error(`${command}: ${error}`);
    }
    return result;
  }

  signal(signal) {
    this.#process.kill(signal);
  }

  async stop() {
    this.#process.kill('SIGKILL');
    await this.exited;
  }

  async #before(what, within, executor) {
    let timer;
    const tooLate = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`did not ${what} in ${within / 1000} s`)), within);
    });
    const gone = this.exited.then((code) => {
      throw new Error(`ended with ${code}${this.#reason()}`);
    });
    try {
      return await Promise.race([new Promise(executor), tooLate, gone]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The line that tells most of why it has ended. */
  #reason() {
    const line = this.#lines.findLast((each) => /\b\w*Error\b/.test(each)) ?? this.#lines.at(-1);
    return line ? `: ${line.trim()}` : '';
  }
}
