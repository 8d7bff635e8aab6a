import { fileURLToPath } from 'node:url';
import { AppProcess } from '../support/app.process.js';
import { profilerOf } from '../support/fixture.app.js';
import { type DecodedProfile, flat, takeProfile } from '../support/pprof.profile.js';
import { type Counted, KernelAccount } from './kernel.account.js';
import { drive, type Job } from './load.driver.js';

interface Entry {
  readonly at: number;
  readonly alpha: number;
  readonly beta: number;
}

/** A CPU profile of main, beside what the kernel and the program itself have counted in its window. */
export interface Measured {
  readonly profile: DecodedProfile;
  /** Of the main thread, by the kernel. */
  readonly kernel: Counted;
  /** CPU milliseconds of the two functions, by the program. */
  readonly done: { readonly alpha: number; readonly beta: number };
  /** CPU milliseconds by the profile: of everything, of the two functions. */
  readonly said: { readonly total: number; readonly alpha: number; readonly beta: number };
  /** Samples in the two functions. */
  readonly samples: { readonly alpha: number; readonly beta: number };
}

/** The fixture, which works in turns of a known length. */
export class TurnsApp {
  private constructor(
    readonly process: AppProcess,
    readonly origin: string,
  ) {}

  static async start(options: object = {}, launcher: readonly string[] = []): Promise<TurnsApp> {
    const app = new AppProcess(fileURLToPath(new URL('fixtures/turns.app.mjs', import.meta.url)), {
      env: { PPROF_OPTIONS: JSON.stringify(options) },
      launcher,
    });
    const started = new TurnsApp(app, await profilerOf(app));
    // The first one pays for starting what makes profiles.
    await takeProfile(`${started.origin}/debug/pprof/profile?seconds=1`);
    return started;
  }

  async measure(jobs: readonly Job[], utilization: number, query: string): Promise<Measured> {
    const stop = await drive(this.process, jobs, utilization);
    const kernel = new KernelAccount(this.process.pid);
    try {
      const profile = await takeProfile(`${this.origin}/debug/pprof/profile?threads=main&${query}`);
      kernel.stop();
      const from = profile.startedAt;
      const to = from + profile.durationMillis;
      const account = await this.process.call<Entry[]>('account');
      const cpu = (leaf?: RegExp) => flat(profile, 'cpu/nanoseconds', leaf) / 1e6;
      return {
        profile,
        kernel: kernel.between(from, to),
        done: {
          alpha: doneUntil(account, to).alpha - doneUntil(account, from).alpha,
          beta: doneUntil(account, to).beta - doneUntil(account, from).beta,
        },
        said: { total: cpu(), alpha: cpu(ALPHA), beta: cpu(BETA) },
        samples: {
          alpha: flat(profile, 'samples/count', ALPHA),
          beta: flat(profile, 'samples/count', BETA),
        },
      };
    } finally {
      kernel.stop();
      stop();
    }
  }
}

const ALPHA = /^alpha\b/;
const BETA = /^beta\b/;

const NOTHING: Entry = { at: 0, alpha: 0, beta: 0 };

/** The program notes at the end of a turn, some 20 ms after the note before. */
function doneUntil(account: readonly Entry[], moment: number): Entry {
  return account.findLast(({ at }) => at <= moment) ?? NOTHING;
}
