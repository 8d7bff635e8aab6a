import type { ThreadSelection } from '../capture/thread.info.js';
import {
  parseChoice,
  parseHz,
  parseSeconds,
  parseThreads,
  parseThreshold,
  type Query,
  singleThread,
} from './query.parameters.js';
import { BadParameterError } from './profile.errors.js';
import type { ProfileFormat, ProfileKind, ProfileLimits, ProfileRequest } from './profile.kind.js';
import { isV8Format } from './v8.formats.js';

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
  const hasOneThread = debug === 0 && isV8Format(format);
  if (hasOneThread && seconds !== undefined && parameters.seconds?.kind !== 'window') {
    throw new BadParameterError(`"seconds" parameter is not supported with format=${format}`);
  }
  return {
    seconds: seconds ?? defaultSeconds(parameters.seconds, maxSeconds),
    hz: parameters.hz ? (query.hz === undefined ? parameters.hz.default : parseHz(query.hz)) : 0,
    threads: parameters.threads ? threadsOf(query, hasOneThread ? format : undefined) : 'all',
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

function threadsOf({ threads }: Query, formatOfOneThread: ProfileFormat | undefined): ThreadSelection {
  if (formatOfOneThread === undefined) {
    return parseThreads(threads ?? 'all');
  }
  const selection = parseThreads(threads ?? 'main');
  singleThread(selection, `format=${formatOfOneThread}`);
  return selection;
}

function defaultSeconds(
  seconds: ProfileKind['parameters']['seconds'],
  maxSeconds: number,
): number | undefined {
  return seconds?.kind === 'window' ? Math.min(seconds.default, maxSeconds) : undefined;
}
