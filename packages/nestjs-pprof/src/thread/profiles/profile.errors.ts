import { PprofError } from '../../shared/pprof.error.js';

/** What is asked for is off unless the options say otherwise. @internal */
export class NotEnabledError extends PprofError {
  override readonly name = 'NotEnabledError';
  readonly status = 404;
}

/** A parameter of the request is not one that can be answered. @internal */
export class BadParameterError extends PprofError {
  override readonly name = 'BadParameterError';
  readonly status = 400;
}

/** A difference was asked for, and what was counted has started anew between the two moments. @internal */
export class NotComparableError extends PprofError {
  override readonly name = 'NotComparableError';
  readonly status = 409;

  /** @param reasons by thread */
  constructor(reasons: readonly string[]) {
    super(`there is no difference to report, ask again: ${reasons.join('; ')}`);
  }
}
