import type { IncomingMessage, ServerOptions } from 'node:http';
import { BodyTooLargeError } from '../http.response.js';

/**
 * Limits on what a client may send. None of them cuts a long capture: they are for requests, a response may take as long
 * as its capture does.
 *
 * @internal
 */
export const REQUEST_LIMITS = {
  /** Browsers send the cookies of every service on localhost along: not less than Node's own limit. */
  maxHeaderSize: 16 * 1024,
  /** From the first byte on; a client on the same machine, or behind a tunnel, needs milliseconds. */
  headersTimeout: 10_000,
  /** With its body, which only `symbol` reads. */
  requestTimeout: 30_000,
  /** Scrapers come back after 10 or 15 s: to hold their connection would take a slot for nothing. */
  keepAliveTimeout: 5000,
  /** How often the above are looked at; 30 s by default. */
  connectionsCheckingInterval: 2000,
} as const satisfies ServerOptions;

/** Bytes of a body: some 50,000 addresses for `symbol`. @internal */
export const MAX_BODY = 1024 * 1024;

/** @internal */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/**
 * Reads a body and forgets it: the answer must not be sent before, as closing a connection that holds unread bytes may
 * take the answer with it.
 *
 * @throws {BodyTooLargeError}
 * @internal
 */
export function skipBody(request: IncomingMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    // Not by iteration: an iterator that is left early destroys the connection, and the answer with it.
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY) {
        request.pause();
        reject(new BodyTooLargeError(MAX_BODY));
      }
    });
    request.once('end', resolve);
    request.once('error', reject);
  });
}
