import { setTimeout as sleep } from 'node:timers/promises';
import type { Profile } from '../pprof/profile.model.js';
import type { ApplicationThreads } from '../threads/application.threads.js';
import type { ProfileKind, ProfileRequest } from './profile.kind.js';

/**
 * The difference that so many seconds make to a profile of a moment, as in Go: what has gone has negative values.
 *
 * @internal
 */
export async function captureDelta(
  kind: ProfileKind,
  request: ProfileRequest & { readonly seconds: number },
  threads: ApplicationThreads,
): Promise<Profile> {
  const { seconds, signal } = request;
  const before = await kind.capture(request, threads);
  await sleep(seconds * 1000, undefined, { signal });
  const after = await kind.capture(request, threads);
  const gone = before.samples.map((sample) => ({ ...sample, values: sample.values.map((value) => -value) }));
  return {
    ...after,
    samples: [...after.samples, ...gone],
    startedAt: before.startedAt,
    durationNanos: seconds * 1e9,
  };
}
