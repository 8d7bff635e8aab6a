import { once } from 'node:events';
import autocannon, { type Request } from 'autocannon';

export interface Load {
  stop(): Promise<void>;
}

/** Of a loop that V8 compiled while it ran it tells no profiler that comes later; until then each function is compiled as a whole. */
const WARM_AFTER = 100;

/** Few enough that the machine has time for other tests. */
const REQUESTS_PER_SECOND = 100;

/** Keeps two clients busy until stopped; settles once so many answers are in that there is something to profile. */
export async function startLoad(url: string, requests: Request[]): Promise<Load> {
  // The callback makes it an emitter rather than a promise.
  const load = autocannon(
    { url, requests, connections: 2, overallRate: REQUESTS_PER_SECOND, duration: 600 },
    () => undefined,
  );
  const done = once(load, 'done');
  for (let answers = 0; answers < WARM_AFTER; answers += 1) {
    await once(load, 'response');
  }
  return {
    stop: async () => {
      load.stop();
      await done;
    },
  };
}
