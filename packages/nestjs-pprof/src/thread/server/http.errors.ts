import { messageOf } from '../../shared/error.message.js';
import { PprofError } from '../../shared/pprof.error.js';

/** An error as the client sees it. @internal */
export interface HttpError {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The path names no profile. @internal */
export class UnknownProfileError extends PprofError {
  override readonly name = 'UnknownProfileError';
  readonly status = 404;

  constructor() {
    super('Unknown profile');
  }
}

/** The option `profiles` leaves this profile out. @internal */
export class ProfileOffError extends PprofError {
  override readonly name = 'ProfileOffError';
  readonly status = 404;

  constructor(profile: string) {
    super(`Unknown profile: "${profile}" is switched off by the option profiles of this service`);
  }
}

/** Status and text for whatever a request ran into. @internal */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof PprofError) {
    const { status, message, retryAfterSeconds } = error;
    return {
      status,
      message,
      ...(retryAfterSeconds !== undefined && { headers: { 'Retry-After': String(retryAfterSeconds) } }),
    };
  }
  const status = statusOfFrameworkError(error);
  return { status, message: status === 404 ? 'Unknown profile' : messageOf(error) };
}

/** Nest's HttpException and Express' own errors (a malformed URL, for instance) carry a status. */
function statusOfFrameworkError(error: unknown): number {
  const status = (error as { status?: unknown } | null | undefined)?.status;
  return typeof status === 'number' && status >= 400 && status <= 599 ? status : 500;
}
