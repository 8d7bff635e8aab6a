import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const READY_WITHIN_MS = 30_000;
export const APP_LINE = /Example listening on (http:\/\/\S+)/;
export const PPROF_LINE = /Profiling server listening on (http:\/\/\S+?)\/?$/;

/** A Node process of its own that ends, at the latest, with this one. */
export class Child {
  #process;
  #lines = [];
  #exited;

  constructor({ script, args = [], nodeArgs = [], env = {}, ipc = false }) {
    const path = fileURLToPath(script);
    if (!existsSync(path)) {
      throw new Error(`${path} is missing. Build it first: npm run build`);
    }
    this.#process = spawn(process.execPath, [...nodeArgs, path, ...args], {
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'inherit', ...(ipc ? ['ipc'] : [])],
    });
    this.#exited = new Promise((resolve) => {
      this.#process.once('exit', resolve);
    });
    const kill = () => this.#process.kill('SIGKILL');
    process.once('exit', kill);
    void this.#exited.then(() => process.removeListener('exit', kill));
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      this.#lines.push(line);
      this.#process.emit('bench-line');
    });
  }

  get pid() {
    return this.#process.pid;
  }

  /** What the first group of each pattern is in the child's output, as soon as all of them have come. */
  async printed(patterns) {
    return this.#before('print its addresses', (resolve) => {
      const look = () => {
        const found = patterns.map((pattern) => this.#lines.map((line) => pattern.exec(line)).find(Boolean));
        if (found.every(Boolean)) {
          this.#process.removeListener('bench-line', look);
          resolve(found.map((match) => match[1]));
        }
      };
      this.#process.on('bench-line', look);
      look();
    });
  }

  /** Sends a message and takes the answer. */
  async ask(message) {
    return this.#before(`answer ${message}`, (resolve) => {
      this.#process.once('message', resolve);
      this.#process.send(message);
    });
  }

  async stop() {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  async #before(what, executor) {
    let timer;
    const tooLate = new Promise((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`${this.#about()} did not ${what} in ${READY_WITHIN_MS / 1000} s`)),
        READY_WITHIN_MS,
      );
    });
    const gone = this.#exited.then((code) => {
      throw new Error(`${this.#about()} ended with ${code}`);
    });
    try {
      return await Promise.race([new Promise(executor), tooLate, gone]);
    } finally {
      clearTimeout(timer);
    }
  }

  #about() {
    return `${this.#process.spawnargs.join(' ')}\n${this.#lines.slice(-10).join('\n')}\n`;
  }
}

/** The example application as `npm run build` has made it. `profiling` is the address of the index page without slash. */
export async function startExample({ enabled }) {
  const child = new Child({
    script: new URL('../../apps/example/dist/main.js', import.meta.url),
    env: {
      HOST: '127.0.0.1',
      PORT: '0',
      GLOBAL_PREFIX: '',
      PPROF_ENABLED: String(enabled),
      PPROF_HOST: '127.0.0.1',
      PPROF_PORT: '0',
    },
  });
  const [url, profiling] = await child.printed(enabled ? [APP_LINE, PPROF_LINE] : [APP_LINE]);
  return { pid: child.pid, url, profiling, stop: () => child.stop() };
}
