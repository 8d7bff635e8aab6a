// What the main thread of the application under soak does beside its worker threads: what a profiler could break.
import { AsyncLocalStorage } from 'node:async_hooks';
import { Session } from 'node:inspector';
import { setTimeout as sleep } from 'node:timers/promises';
import vm from 'node:vm';
import { mainCpuMillis } from './cpu.clock.mjs';

/** A time limit that is lost never strikes; one that strikes late by the clock may have waited for a processor. */
const LATE_CPU_MILLIS = 5000;

/** Does one thing after the other, at random, as long as it is wanted, and keeps account. */
export class MainThreadWork {
  done = { timeLimits: 0, listeners: 0, contexts: 0, sessions: 0, sigprofCalls: 0 };
  #random;
  #violate;
  #sandbox = vm.createContext({});
  #storage = new AsyncLocalStorage();
  #listeners = [];
  #nextId = 1;

  constructor(random, violate) {
    this.#random = random;
    this.#violate = violate;
  }

  async run(goesOn) {
    while (goesOn()) {
      const chance = this.#random.next();
      if (chance < 0.1) {
        this.#exceedTimeLimit();
      } else if (chance < 0.3) {
        this.#addOrRemoveListener();
      } else if (chance < 0.32) {
        await this.#profileItself();
      } else {
        void this.#keepContext();
      }
      await sleep(this.#random.integer(0, 30));
    }
    this.#listeners.splice(0).forEach((listener) => process.off('SIGPROF', listener));
  }

  /** Foreign code with a time limit, as in rule engines and sandboxes: it must end, whatever is profiled meanwhile. */
  #exceedTimeLimit() {
    const timeout = this.#random.chance(0.1)
      ? this.#random.integer(1200, 2000)
      : this.#random.integer(5, 200);
    const began = mainCpuMillis(process.pid);
    try {
      vm.runInContext('for (;;) {}', this.#sandbox, { timeout });
      this.#violate('an endless script has ended');
    } catch (error) {
      if (error?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
        this.#violate(`time limit: ${error?.stack ?? error}`);
      }
    }
    const took = mainCpuMillis(process.pid) - began;
    if (took > timeout + LATE_CPU_MILLIS) {
      this.#violate(`a time limit of ${timeout} ms struck after ${Math.round(took)} ms of CPU`);
    }
    this.done.timeLimits += 1;
  }

  #addOrRemoveListener() {
    if (this.#listeners.length > 0 && this.#random.chance(0.5)) {
      process.off('SIGPROF', this.#listeners.pop());
    } else if (this.#listeners.length < 3) {
      const listener = () => (this.done.sigprofCalls += 1);
      this.#listeners.push(listener);
      process.on('SIGPROF', listener);
    }
    this.done.listeners += 1;
  }

  #keepContext() {
    const id = this.#nextId++;
    return this.#storage.run({ id }, async () => {
      for (let step = 0; step < 5; step += 1) {
        await (step % 2 ? sleep(this.#random.integer(0, 5)) : Promise.resolve());
        if (this.#storage.getStore()?.id !== id) {
          this.#violate(`the context of ${id} is lost at step ${step}`);
        }
      }
      this.done.contexts += 1;
    });
  }

  /** With V8's profiler, in an inspector session of the application's own. */
  async #profileItself() {
    const session = new Session();
    session.connect();
    const post = (method, params = {}) =>
      new Promise((resolve, reject) => {
        session.post(method, params, (error, result) => (error ? reject(error) : resolve(result)));
      });
    try {
      await post('Profiler.enable');
      await post('Profiler.start');
      await sleep(50);
      const { profile } = await post('Profiler.stop');
      if (profile.nodes.length === 0) {
        this.#violate('a profile of the application itself is empty');
      }
      this.done.sessions += 1;
    } catch (error) {
      this.#violate(`inspector session of the application: ${error?.message ?? error}`);
    } finally {
      session.disconnect();
    }
  }
}
