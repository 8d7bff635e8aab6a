/** What is asked for is off unless the options say otherwise. @internal */
export class NotEnabledError extends Error {
  override readonly name = 'NotEnabledError';
}

/** A request that cannot be answered with a profile; the server turns it into an error response. @internal */
export class BadParameterError extends Error {
  override readonly name = 'BadParameterError';
}

/** A difference was asked for, and what was counted has started anew between the two moments. @internal */
export class NotComparableError extends Error {
  override readonly name = 'NotComparableError';

  /** @param reasons by thread */
  constructor(reasons: readonly string[]) {
    super(`there is no difference to report, ask again: ${reasons.join('; ')}`);
  }
}
