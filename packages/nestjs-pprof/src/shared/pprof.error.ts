/**
 * The base of all errors that a client is told of: the message has the cause and, where there is one, the remedy; a class
 * for each case that callers tell apart.
 *
 * @internal
 */
export abstract class PprofError extends Error {
  /** Of the HTTP response. */
  abstract readonly status: number;
  /** When it is worth while to ask again, where that is known. */
  readonly retryAfterSeconds: number | undefined = undefined;
}

/** The message of whatever was thrown. @internal */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
