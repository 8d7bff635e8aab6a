import { PprofError } from '../../shared/pprof.error.js';

/** An error of HTTP itself, whose answer may need headers of its own. @internal */
export abstract class HttpError extends PprofError {
  readonly headers: Readonly<Record<string, string>> = {};
}

/** The path names no profile. @internal */
export class UnknownProfileError extends HttpError {
  override readonly name = 'UnknownProfileError';
  readonly status = 404;

  constructor() {
    super('Unknown profile');
  }
}

/** The option `profiles` leaves this profile out. @internal */
export class ProfileOffError extends HttpError {
  override readonly name = 'ProfileOffError';
  readonly status = 404;

  constructor(profile: string) {
    super(`Unknown profile: "${profile}" is switched off by the option profiles of this service`);
  }
}

/** @internal */
export class MethodNotAllowedError extends HttpError {
  override readonly name = 'MethodNotAllowedError';
  readonly status = 405;
  override readonly headers: Readonly<Record<string, string>>;

  constructor(allowed: readonly string[]) {
    super(`method not allowed, use ${allowed.join(' or ')}`);
    this.headers = { Allow: allowed.join(', ') };
  }
}

/** The header `Expect` has something else than `100-continue`. @internal */
export class ExpectationError extends HttpError {
  override readonly name = 'ExpectationError';
  readonly status = 417;

  constructor() {
    super('the header Expect can only be 100-continue: ask without it');
  }
}

/** The client sends more than is read here. @internal */
export class BodyTooLargeError extends HttpError {
  override readonly name = 'BodyTooLargeError';
  readonly status = 413;

  constructor(maxBytes: number) {
    super(`the body of the request is larger than ${maxBytes} bytes`);
  }
}
