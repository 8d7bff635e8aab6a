import { fileURLToPath } from 'node:url';
import { expect } from '@jest/globals';
import { AppProcess } from '../support/app.process.js';
import type { HttpConnection } from '../support/http.connection.js';
import { type FixtureOptions, profilerOf } from '../support/fixture.app.js';
import { patience } from '../support/patience.js';

const SCRIPT = fileURLToPath(new URL('fixtures/watched.app.mjs', import.meta.url));

/** What the profiler holds in the application's main thread, and in V8. */
export interface HeldInMain {
  /** Whether the addon's CPU sampler runs. */
  readonly sampler: boolean;
  /** Open inspector sessions. */
  readonly sessions: number;
  /** CPU profilers of V8 that run, in any thread. */
  readonly v8Profilers: number;
  /** Timers that repeat. */
  readonly intervals: number;
  /** Listeners of `process`, by event. */
  readonly listeners: Readonly<Record<string, number>>;
  /** Agents that a profiling thread can find. */
  readonly agents: number;
}

export interface Held extends HeldInMain {
  /** In the profiling thread: what keeps it busy, by type, and the listeners of its agent client. */
  readonly thread: { readonly resources: Readonly<Record<string, number>>; readonly listeners: number };
}

/** For what takes milliseconds; short against the windows that are left. */
const PATIENCE_MILLIS = patience(20_000);

/** The application in fixtures/watched.app.mjs. */
export class WatchedApp {
  private constructor(
    readonly process: AppProcess,
    /** `http://127.0.0.1:PORT` of its profiling server. */
    readonly origin: string,
  ) {}

  /** Without `keepWarm`, which would have the sampler run on after captures that come one after the other. */
  static async start(options: FixtureOptions = {}): Promise<WatchedApp> {
    const process = new AppProcess(SCRIPT, {
      env: { PPROF_OPTIONS: JSON.stringify({ keepWarm: 0, ...options }) },
    });
    const app = new WatchedApp(process, await profilerOf(process));
    // It registers itself in a file when it listens.
    await process.until<Held>('held', ({ thread }) => thread.resources.FSReqPromise === undefined);
    return app;
  }

  held(): Promise<Held> {
    return this.process.call('held');
  }

  /**
   * What the profiler holds as soon as that is so many sessions and no capture: what was asked before may still be ending,
   * and a look into a file under way.
   */
  async rests(sessions: number): Promise<Held> {
    const deadline = Date.now() + PATIENCE_MILLIS;
    // A session keeps the thread's loop turning with a timer.
    // One listener for each of the addresses of localhost.
    const resources = { MessagePort: 1, TCPServerWrap: 2, ...(sessions > 0 ? { Timeout: sessions } : {}) };
    const isAtRest = (held: Held) => {
      const { sampler, v8Profilers } = held;
      const seen = { sampler, v8Profilers, sessions: held.sessions, resources: held.thread.resources };
      const expected = { sampler: false, v8Profilers: 0, sessions, resources };
      if (Date.now() > deadline) {
        expect(seen).toEqual(expected);
      }
      return JSON.stringify(seen) === JSON.stringify(expected);
    };
    return this.process.until<Held>('held', isAtRest);
  }

  /** Settles when the profiler holds something that it did not hold before: a capture runs. */
  async holdsMoreThan(before: Held): Promise<void> {
    const isIdle = JSON.stringify(before);
    await this.process.until<Held>('held', (held) => JSON.stringify(held) !== isIdle && isBusy(held, before));
  }

  /** Settles when the encoding of what was asked for on each is held up; fails where there is an answer instead. */
  async encodes(connections: readonly HttpConnection[]): Promise<void> {
    await this.process.until<number>('encodingsHeld', (count) => {
      expect(connections.map(({ soFar }) => soFar).join('')).toBe('');
      return count >= connections.length;
    });
  }

  /** Fails, with the difference, unless the profiler comes to hold just what it held before. */
  expectNothingLeftOf(before: Held): Promise<void> {
    return expectToBecome(before, () => this.held());
  }

  /** The same of the main thread alone, where there is no profiling thread to be asked. */
  expectToHoldInMain(expected: HeldInMain): Promise<void> {
    return expectToBecome(expected, () => this.process.call('heldInMain'));
  }
}

async function expectToBecome<T>(expected: T, look: () => Promise<T>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MILLIS;
  let seen = await look();
  while (JSON.stringify(seen) !== JSON.stringify(expected) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    seen = await look();
  }
  expect(seen).toEqual(expected);
}

/** Other than the connection alone. */
function isBusy(held: Held, before: Held): boolean {
  const timers = ({ thread }: Held) => thread.resources.Timeout ?? 0;
  return held.sampler || held.sessions > before.sessions || timers(held) > timers(before);
}
