import { fileURLToPath } from 'node:url';
import { AppProcess } from '../support/app.process.js';
import { type FixtureOptions, profilerOf } from '../support/fixture.app.js';

export type WorkerKind = 'busy' | 'works' | 'idle' | 'waits';

const SCRIPT = fileURLToPath(new URL('fixtures/threads.app.mjs', import.meta.url));

/** The application in fixtures/threads.app.mjs. */
export class ThreadsApp {
  private constructor(
    readonly process: AppProcess,
    /** `http://127.0.0.1:PORT/debug/pprof` of its profiling server. */
    readonly pprof: string,
  ) {}

  static async start(
    options: FixtureOptions = {},
    env: Readonly<Record<string, string>> = {},
  ): Promise<ThreadsApp> {
    const process = new AppProcess(SCRIPT, { env: { ...env, PPROF_OPTIONS: JSON.stringify(options) } });
    return new ThreadsApp(process, `${await profilerOf(process)}/debug/pprof`);
  }

  /** Its id, once it does what its kind says. */
  startWorker(kind: WorkerKind, name?: string): Promise<number> {
    return this.process.call('startWorker', { kind, name });
  }

  /** Settles when the worker is gone. */
  async endWorker(threadId: number): Promise<void> {
    await this.process.call('endWorker', threadId);
  }

  /** Settles when a CPU capture of the main thread runs. */
  async capturing(): Promise<void> {
    await this.process.until('samplerRuns', (runs) => runs === true);
  }

  /** Settles when the main thread is about to run a function that does not return. */
  async stickIn(
    kind: 'spinForever' | 'spinAtTimes' | 'spinUntilFile' | 'runProgramSync' | 'readFifoSync',
    argument?: unknown,
  ): Promise<void> {
    // Answered when it goes on, which may be never.
    this.process.call('stickIn', { kind, argument }).catch(() => undefined);
    await this.process.printed(new RegExp(`^Stuck in ${kind}$`, 'm'));
  }
}
