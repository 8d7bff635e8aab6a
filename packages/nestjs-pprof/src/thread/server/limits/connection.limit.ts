import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { hasBody } from './http.limits.js';

/** Some 20 KB each. */
const MAX_CONNECTIONS = 256;

/** Requests that a client may send without waiting for the answer; none of the usual ones sends a second. */
const MAX_PIPELINED = 8;

/**
 * Keeps the number of connections small, and lets a new one in all the same: the one that has been idle for longest gives
 * way. So the operator gets in while others hold connections on which they send nothing, or slowly. One that waits for
 * its answer is never cut off.
 *
 * @internal
 */
export function limitConnections(server: Server, max = MAX_CONNECTIONS): void {
  const answering = new Map<Socket, number>();
  /** In the order in which they became idle. */
  const idle = new Set<Socket>();

  server.on('connection', (socket: Socket) => {
    idle.add(socket);
    socket.once('close', () => {
      idle.delete(socket);
      answering.delete(socket);
    });
    if (idle.size + answering.size > max) {
      const [longestIdle] = idle;
      longestIdle!.destroy();
    }
  });

  // Before the listener that answers.
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const begin = () => {
      if (!socket.destroyed && !response.closed) {
        idle.delete(socket);
        answering.set(socket, (answering.get(socket) ?? 0) + 1);
        response.once('close', end);
        if (answering.get(socket)! > MAX_PIPELINED) {
          socket.destroy();
        }
      }
    };
    const end = () => {
      const left = (answering.get(socket) ?? 1) - 1;
      if (left > 0) {
        answering.set(socket, left);
      } else if (answering.delete(socket) && !socket.destroyed) {
        idle.add(socket);
      }
    };
    // A body may trickle: until it is whole, nothing is asked.
    if (hasBody(request)) {
      request.once('end', begin);
    } else {
      begin();
    }
  });
}
