/**
 * The base of all errors that a client is told of: the message has the cause and, where there is one, the remedy; a class
 * for each case that callers tell apart.
 *
 * @internal
 */
export class PprofError extends Error {
  override readonly name = this.constructor.name;
  /** Of the HTTP response, besides those of every error. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    /** Of the HTTP response. */
    readonly status: number,
    message: string,
    { headers = {}, ...options }: ErrorOptions & { readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message, options);
    this.headers = headers;
  }
}

/** The message of whatever was thrown. @internal */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Of what may fail, and whose failure tells no more than that there is nothing. @internal */
export function tried<T>(task: () => T): T | undefined {
  try {
    return task();
  } catch {
    return undefined;
  }
}
