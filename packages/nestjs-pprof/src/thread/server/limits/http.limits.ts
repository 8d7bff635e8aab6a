import type { IncomingMessage, ServerOptions, ServerResponse } from 'node:http';
import { PprofError } from '../../../shared/pprof.error.js';

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

/** Headers beyond this are not kept. */
export const MAX_HEADERS = 100;

/** Bytes of a body: some 50,000 addresses for `symbol`. */
export const MAX_BODY = 1024 * 1024;

/** A client that has not read a byte of its finished answer for so long has gone, or does not want it. */
const STALLED_MILLIS = 60_000;

/** The client sends more than is read here. @internal */
export class BodyTooLargeError extends PprofError {
  override readonly name = 'BodyTooLargeError';
  readonly status = 413;

  constructor() {
    super(`the body of the request is larger than ${MAX_BODY} bytes`);
  }
}

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
        reject(new BodyTooLargeError());
      }
    });
    request.once('end', resolve);
    request.once('error', reject);
  });
}

/** Gives up on a client that does not read its answer, once there is all of it. @internal */
export function destroyWhenStalled(response: ServerResponse, millis = STALLED_MILLIS): void {
  // Node sets the timeout anew when the answer is out.
  response.once('prefinish', () => response.socket?.setTimeout(millis));
}
