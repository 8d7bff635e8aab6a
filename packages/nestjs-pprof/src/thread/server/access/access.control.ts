import type { ThreadData } from '../../../shared/thread.protocol.js';
import { createCredentialsCheck } from './credentials.check.js';
import type { HttpError } from '../http.errors.js';
import { createGuard, type GuardedRequest } from './request.guard.js';

/**
 * Who may ask: decided for every request before anything else is looked at, so that nobody else learns even which paths
 * there are.
 *
 * @returns the error that answers a request; undefined for one that may pass.
 * @internal
 */
export function createAccessControl({
  allowedHosts,
  credentialsHash,
}: Pick<ThreadData, 'allowedHosts' | 'credentialsHash'>): (request: GuardedRequest) => HttpError | undefined {
  const guard = createGuard(allowedHosts);
  const hasCredentials = credentialsHash === undefined ? () => true : createCredentialsCheck(credentialsHash);
  return (request) => {
    const refusal = guard(request);
    if (refusal !== undefined) {
      return { status: 403, message: refusal };
    }
    if (!hasCredentials(request.headers.authorization)) {
      return {
        status: 401,
        message:
          'credentials needed, those of the option auth: http://USER:PASSWORD@localhost:PORT/debug/pprof/',
        headers: { 'WWW-Authenticate': 'Basic realm="nestjs-pprof", charset="UTF-8"' },
      };
    }
    return undefined;
  };
}
