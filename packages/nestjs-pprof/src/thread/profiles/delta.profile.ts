import { setTimeout as sleep } from 'node:timers/promises';
import { PprofError } from '../../shared/pprof.error.js';
import type { Coverage, Profile, StackSample } from '../pprof/profile.model.js';
import type { ApplicationThreads } from '../capture/application.threads.js';
import type { ProfileKind, ProfileRequest } from './recording.kind.js';

/**
 * The difference that so many seconds make to a profile of a moment, as in Go: what has gone has negative values. Threads of
 * which what is counted has started anew in between are left out and named.
 *
 * @throws {PprofError} where no thread is left.
 * @internal
 */
export async function captureDelta(
  kind: ProfileKind,
  request: ProfileRequest & { readonly seconds: number },
  threads: ApplicationThreads,
): Promise<Profile> {
  const { seconds, signal } = request;
  const began = process.hrtime.bigint();
  const before = await kind.capture(request, threads);
  await sleep(seconds * 1000, undefined, { signal });
  const durationNanos = Number(process.hrtime.bigint() - began);
  const after = await kind.capture(request, threads);
  const leftOut = incomparable(before.coverage, after.coverage);
  const isCompared = ({ labels }: StackSample) => !leftOut.has(labels?.['thread'] ?? '');
  const gone = before.samples.map((sample) => ({ ...sample, values: sample.values.map((value) => -value) }));
  return {
    ...after,
    samples: [...after.samples, ...gone].filter(isCompared),
    startedAt: before.startedAt,
    durationNanos,
    comments:
      leftOut.size === 0
        ? after.comments
        : [...after.comments, `threads left out of the difference: ${[...leftOut.values()].join('; ')}`],
  };
}

/** The threads (by the value of their label) that cannot be compared, with the reason. */
function incomparable(before: Coverage | undefined, after: Coverage | undefined): Map<string, string> {
  const leftOut = new Map<string, string>();
  if (!before || !after) {
    return leftOut;
  }
  const all = new Set([...before.origins.keys(), ...after.origins.keys()]);
  for (const thread of all) {
    const reason = reasonAgainst(thread, before, after);
    if (reason !== undefined) {
      leftOut.set(thread, `${thread}: ${reason}`);
    }
  }
  if (leftOut.size > 0 && leftOut.size === all.size) {
    const reasons = [...leftOut.values()].join('; ');
    throw new PprofError(409, `there is no difference to report, ask again: ${reasons}`);
  }
  return leftOut;
}

function reasonAgainst(thread: string, before: Coverage, after: Coverage): string | undefined {
  if (!before.origins.has(thread)) {
    return before.isPartial ? 'it could not be taken at the beginning' : undefined;
  }
  if (!after.origins.has(thread)) {
    return after.isPartial ? 'it could not be taken at the end' : undefined;
  }
  const origin = before.origins.get(thread);
  return origin !== undefined && origin === after.origins.get(thread)
    ? undefined
    : 'what is counted was not the same at both moments, as an allocs?seconds= capture came in between, or the event loop did not answer at one of them';
}
