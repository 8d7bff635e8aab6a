import type { IncomingMessage, ServerResponse, ServerOptions } from 'node:http';
import type { Socket } from 'node:net';

/** Some 20 KB each. */
const MAX_CONNECTIONS = 256;

/** Requests that a client may send without waiting for the answer; none of the usual ones sends a second. */
const MAX_PIPELINED = 8;

/**
 * Keeps the number of connections small, and lets a new one in all the same: the one that has been idle for longest is
 * closed. So the operator gets in while others hold connections on which they send nothing, or slowly. One that waits for
 * its answer is never cut off; where all do, as many again are let in.
 *
 * @internal
 */
export class ConnectionLimit {
  readonly #answering = new Map<Socket, number>();
  /** In the order in which they became idle. */
  readonly #idle = new Set<Socket>();

  constructor(private readonly max = MAX_CONNECTIONS) {}

  onConnection(socket: Socket): void {
    this.#idle.add(socket);
    socket.once('close', () => {
      this.#idle.delete(socket);
      this.#answering.delete(socket);
    });
    const count = this.#idle.size + this.#answering.size;
    const [longestIdle] = this.#idle;
    // Where all others wait for their answers, as in a flood, the new one has not had the time to ask yet.
    if (count > this.max && (longestIdle !== socket || count > 2 * this.max)) {
      longestIdle!.destroy();
    }
  }

  onRequest(request: IncomingMessage, response: ServerResponse): void {
    // A body may trickle: until it is whole, nothing is asked.
    if (hasBody(request)) {
      request.once('end', () => this.#begin(request.socket, response));
    } else {
      this.#begin(request.socket, response);
    }
  }

  #begin(socket: Socket, response: ServerResponse): void {
    if (socket.destroyed || response.closed) {
      return;
    }
    const answering = (this.#answering.get(socket) ?? 0) + 1;
    this.#idle.delete(socket);
    this.#answering.set(socket, answering);
    response.once('close', () => this.#end(socket));
    if (answering > MAX_PIPELINED) {
      socket.destroy();
    }
  }

  #end(socket: Socket): void {
    const remaining = (this.#answering.get(socket) ?? 1) - 1;
    if (remaining > 0) {
      this.#answering.set(socket, remaining);
    } else if (this.#answering.delete(socket) && !socket.destroyed) {
      this.#idle.add(socket);
    }
  }
}

/** Limits on what a client may send. None of them cuts a long capture: a response may take as long as that. @internal */
export const REQUEST_LIMITS = {
  /** Browsers send the cookies of every service on localhost along: not less than Node's own limit. */
  maxHeaderSize: 16 * 1024,
  /** From the first byte on; a client on the same machine, or behind a tunnel, needs milliseconds. */
  headersTimeout: 10_000,
  /** With its body, which only `symbol` reads. */
  requestTimeout: 30_000,
  /** Scrapers come back after 10 or 15 s: to hold their connection would take a slot for nothing. */
  keepAliveTimeout: 5000,
  /** How often the above are checked; 30 s by default. */
  connectionsCheckingInterval: 2000,
} as const satisfies ServerOptions;

/** @internal */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
