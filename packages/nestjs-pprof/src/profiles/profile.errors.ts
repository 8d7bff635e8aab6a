/** A request that cannot be answered with a profile; the server turns it into an error response. @internal */
export class BadParameterError extends Error {
  override readonly name = 'BadParameterError';
}
