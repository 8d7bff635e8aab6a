import { createHash, timingSafeEqual } from 'node:crypto';
import type { ThreadData } from '../../../shared/thread.protocol.js';
import { PprofError } from '../../../shared/pprof.error.js';
import { createGuard, type GuardedRequest } from './request.guard.js';

/** A request that may not pass, by its headers. @internal */
export class RequestRefusedError extends PprofError {
  constructor(message: string) {
    super(403, message);
  }
}

/** A request without the credentials of the options. Says nothing of what was wrong with those it had. @internal */
export class CredentialsNeededError extends PprofError {
  constructor() {
    super(401, 'credentials needed, those of the option auth: http://USER:PASSWORD@HOST:PORT/debug/pprof/', {
      headers: { 'WWW-Authenticate': 'Basic realm="nestjs-pprof", charset="UTF-8"' },
    });
  }
}

/**
 * Who may ask: decided for every request before anything else is looked at, so that nobody else learns even which paths
 * there are.
 *
 * @returns throws {RequestRefusedError | CredentialsNeededError} for a request that may not pass.
 * @internal
 */
export function createAccessControl({
  allowedHosts,
  credentialsHash,
}: Pick<ThreadData, 'allowedHosts' | 'credentialsHash'>): (request: GuardedRequest) => void {
  const guard = createGuard(allowedHosts);
  return (request) => {
    const refusal = guard(request);
    if (refusal !== undefined) {
      throw new RequestRefusedError(refusal);
    }
    if (credentialsHash !== undefined && !hasCredentials(request.headers.authorization, credentialsHash)) {
      throw new CredentialsNeededError();
    }
  };
}

/**
 * Hashes are compared, in constant time: how long it takes says nothing about the credentials, not even their length.
 *
 * @param credentialsHash SHA-256 of `username:password` in hex; nothing else of them is known in this thread
 */
function hasCredentials(authorization = '', credentialsHash: string): boolean {
  const encoded = /^basic +([a-z0-9+/_=-]+) *$/i.exec(authorization)?.[1] ?? '';
  const given = createHash('sha256').update(Buffer.from(encoded, 'base64')).digest();
  return timingSafeEqual(given, Buffer.from(credentialsHash, 'hex'));
}
