import { messageOf } from '../../shared/error.message.js';
import {
  AgentFailureError,
  GarbageNotCollectedError,
  InspectorUnavailableError,
  NoThreadError,
  RecordingHeldError,
  ShortLivedWorkersError,
  SnapshotFileError,
  SnapshotStalledError,
  ThreadEndedError,
  ThreadStuckError,
  ThreadUnreachableError,
} from '../capture/threads.errors.js';
import { BadParameterError, NotComparableError, NotEnabledError } from '../profiles/profile.errors.js';
import { TooManyCapturesError } from './capture.limit.js';

/** An error as the client sees it. @internal */
export interface HttpError {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The path names no profile. @internal */
export class UnknownProfileError extends Error {
  override readonly name = 'UnknownProfileError';

  constructor() {
    super('Unknown profile');
  }
}

/** The option `profiles` leaves this profile out. @internal */
export class ProfileOffError extends Error {
  override readonly name = 'ProfileOffError';

  constructor(profile: string) {
    super(`Unknown profile: "${profile}" is switched off by the option profiles of this service`);
  }
}

const AGENT_STATUS = {
  'addon-unavailable': 503,
  'heap-off': 404,
  'sampler-held': 409,
  'not-now': 504,
  failed: 500,
} as const satisfies Record<AgentFailureError['kind'], number>;

/** Status and text for whatever a request ran into. @internal */
export function toHttpError(error: unknown): HttpError {
  const message = messageOf(error);
  if (error instanceof BadParameterError) {
    return { status: 400, message };
  }
  if (isNotServed(error)) {
    return { status: 404, message };
  }
  if (error instanceof AgentFailureError) {
    return { status: AGENT_STATUS[error.kind], message };
  }
  if (error instanceof NotComparableError) {
    return { status: 409, message };
  }
  if (error instanceof TooManyCapturesError) {
    return { status: 429, message, headers: { 'Retry-After': String(error.retryAfterSeconds) } };
  }
  if (error instanceof RecordingHeldError) {
    return { status: 429, message, headers: { 'Retry-After': '5' } };
  }
  if (error instanceof InspectorUnavailableError || error instanceof SnapshotFileError) {
    return { status: 503, message };
  }
  if (isUnreachable(error)) {
    return { status: 504, message };
  }
  const status = statusOfFrameworkError(error);
  return { status, message: status === 404 ? 'Unknown profile' : message };
}

function isNotServed(error: unknown): boolean {
  return (
    error instanceof UnknownProfileError ||
    error instanceof ProfileOffError ||
    error instanceof NotEnabledError
  );
}

function isUnreachable(error: unknown): boolean {
  return (
    error instanceof GarbageNotCollectedError ||
    error instanceof NoThreadError ||
    error instanceof ShortLivedWorkersError ||
    error instanceof SnapshotStalledError ||
    error instanceof ThreadEndedError ||
    error instanceof ThreadStuckError ||
    error instanceof ThreadUnreachableError
  );
}

/** Nest's HttpException and Express' own errors (a malformed URL, for instance) carry a status. */
function statusOfFrameworkError(error: unknown): number {
  const status = (error as { status?: unknown } | null | undefined)?.status;
  return typeof status === 'number' && status >= 400 && status <= 599 ? status : 500;
}
