import {
  parseChoice,
  parseHz,
  parseSeconds,
  parseThreads,
  parseThreshold,
  type Query,
} from './parameters.js';
import { BadParameterError } from './profile.errors.js';
import type { ProfileKind, ProfileRequest } from './profile.kind.js';

/** What the options say about requests. @internal */
export interface ProfileLimits {
  readonly maxSeconds: number;
  /** Default of the parameter "threshold". */
  readonly thresholdMillis: number;
}

/**
 * Checks the parameters of a request, in the order of the HTTP contract.
 *
 * @throws {BadParameterError}
 * @internal
 */
export function parseProfileRequest(
  kind: ProfileKind,
  query: Query,
  limits: ProfileLimits,
  signal: AbortSignal,
): ProfileRequest {
  const { parameters } = kind;
  const { maxSeconds, thresholdMillis } = limits;
  const seconds = query.seconds === undefined ? undefined : parseSeconds(query.seconds, maxSeconds);
  const debug = parameters.debug ? Number(parseChoice('debug', query.debug ?? '0', ['0', '1', '2'])) : 0;
  if (seconds !== undefined && debug !== 0) {
    throw new BadParameterError('seconds and debug params are incompatible');
  }
  if (seconds !== undefined && parameters.seconds === null) {
    throw new BadParameterError('"seconds" parameter is not supported for this profile type');
  }
  const format = parseChoice('format', query.format ?? 'pprof', parameters.formats);
  return {
    seconds: seconds ?? defaultSeconds(parameters.seconds, maxSeconds),
    hz: parameters.hz ? (query.hz === undefined ? parameters.hz.default : parseHz(query.hz)) : 0,
    threads: parameters.threads ? parseThreads(query.threads ?? 'all') : 'all',
    thresholdMillis:
      parameters.threshold && query.threshold !== undefined
        ? parseThreshold(query.threshold)
        : thresholdMillis,
    gc: parameters.gc && parseChoice('gc', query.gc ?? '0', ['0', '1']) === '1',
    debug,
    format,
    signal,
  };
}

function defaultSeconds(
  seconds: ProfileKind['parameters']['seconds'],
  maxSeconds: number,
): number | undefined {
  return seconds?.kind === 'window' ? Math.min(seconds.default, maxSeconds) : undefined;
}
