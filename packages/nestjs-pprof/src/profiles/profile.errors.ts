/** What is asked for is off unless the options say otherwise. @internal */
export class NotEnabledError extends Error {
  override readonly name = 'NotEnabledError';
}

/** A request that cannot be answered with a profile; the server turns it into an error response. @internal */
export class BadParameterError extends Error {
  override readonly name = 'BadParameterError';
}
