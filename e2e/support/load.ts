import { once } from 'node:events';
import autocannon, { type Request } from 'autocannon';

export interface Load {
  stop(): Promise<void>;
}

/** Keeps two clients busy until stopped; settles once the first answer is in, so that there is something to profile. */
export async function startLoad(url: string, requests: Request[]): Promise<Load> {
  // The callback makes it an emitter rather than a promise.
  const load = autocannon({ url, requests, connections: 2, duration: 600 }, () => undefined);
  const done = once(load, 'done');
  await once(load, 'response');
  return {
    stop: async () => {
      load.stop();
      await done;
    },
  };
}
