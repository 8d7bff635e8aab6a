import { STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { errorText } from '../http.response.js';

/** How long a client may go on sending what is not read any more; its answer could be lost if the connection closed at once. */
const LINGER_MILLIS = 500;

/**
 * Answers what is no valid request, which no other code gets to see, in the form of every other error.
 * https://nodejs.org/api/http.html#event-clienterror
 *
 * @internal
 */
export function answerMalformedRequests(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, stream) => {
    const socket = stream as Socket & { _httpMessage?: { headersSent: boolean } | null };
    if (socket.writableEnded) {
      return;
    }
    // Half an answer must not look like a whole one; and who has reset the connection reads none.
    if (error.code === 'ECONNRESET' || !socket.writable || socket._httpMessage?.headersSent) {
      socket.destroy();
      return;
    }
    socket.end(answerTo(error));
    setTimeout(() => socket.destroy(), LINGER_MILLIS).unref();
  });
}

function answerTo({ code }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return errorText(431, `${STATUS_CODES[431]}: address and headers together are too long`);
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return errorText(413, `${STATUS_CODES[413]}: chunk extensions are too long`);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return errorText(408, `${STATUS_CODES[408]}: the request has not arrived in time`);
    default:
      return errorText(400, `${STATUS_CODES[400]}: not a valid HTTP request`);
  }
}
