import { fileURLToPath } from 'node:url';
import { AppProcess } from '../support/app.process.js';
import { type FixtureOptions, profilerOf } from '../support/fixture.app.js';
import { request, type Response } from '../support/http.request.js';
import { type DecodedProfile, takeProfile } from '../support/pprof.profile.js';

const SCRIPT = fileURLToPath(new URL('fixtures/allocating.app.mjs', import.meta.url));

/** Often enough that the sum of some MiB is right within a few percent. */
const SAMPLING = { heap: { samplingInterval: 16 * 1024 } };

/** The application in fixtures/allocating.app.mjs. */
export class AllocatingApp {
  private constructor(
    readonly process: AppProcess,
    /** `http://127.0.0.1:PORT/debug/pprof` of its profiling server. */
    readonly pprof: string,
  ) {}

  static async start(options: FixtureOptions = SAMPLING): Promise<AllocatingApp> {
    const process = new AppProcess(SCRIPT, { env: { PPROF_OPTIONS: JSON.stringify(options) } });
    return new AllocatingApp(process, `${await profilerOf(process)}/debug/pprof`);
  }

  take(path: string): Promise<DecodedProfile> {
    return takeProfile(`${this.pprof}/${path}`);
  }

  ask(path: string): Promise<Response> {
    return request(`${this.pprof}/${path}`);
  }

  /** Allocates so many MiB and keeps them. */
  async keep(mebibytes: number): Promise<void> {
    await this.process.call('keepThings', mebibytes);
  }

  /** Allocates so many MiB and drops them. */
  async litter(mebibytes: number): Promise<void> {
    await this.process.call('allocate', mebibytes);
  }

  /** Its id, once it allocates. */
  startWorker(): Promise<number> {
    return this.process.call('startWorker');
  }

  /** The comment of the heap profile that tells what it is of, as soon as it matches. */
  async heapTelling(pattern: RegExp): Promise<DecodedProfile> {
    for (;;) {
      const heap = await this.take('heap?threads=main');
      if (pattern.test(threadsComment(heap))) {
        return heap;
      }
    }
  }

  /** Settles when an allocs capture has the sampler of the main thread. */
  async counting(): Promise<void> {
    await this.heapTelling(/ as of /);
  }
}

/** Which threads a profile is of, and in what way. */
export function threadsComment({ comments }: DecodedProfile): string {
  return comments.find((comment) => comment.startsWith('threads: ')) ?? '';
}
