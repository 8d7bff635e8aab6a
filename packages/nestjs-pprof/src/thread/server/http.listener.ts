import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type GuardedRequest, parseTarget } from './access/access.control.js';
import { PprofError } from '../../shared/pprof.error.js';
import { errorText, redirect, sendError, setCommonHeaders } from './http.response.js';
import { ConnectionLimit, hasBody, REQUEST_LIMITS } from './limits/connection.limit.js';
import { RateLimit } from './limits/rate.limit.js';

const ROOT = '/debug/pprof';

/** How long a client may go on sending what is not read any more; its answer could be lost if the connection closed at once. */
const LINGER_MILLIS = 500;

/**
 * The listener on the profiling port: small, so that it is up at once and stays cheap while nobody asks. Whatever a client
 * sends, also what Node would answer by itself, goes one path: rate limit, access, method, application.
 *
 * @param load makes the application; called for the first request that may pass, and again if it failed.
 * @param checkAccess throws for a request that may not pass; see `access.control.ts`
 * @internal
 */
export function createProfilingServer(
  load: () => Promise<RequestListener>,
  checkAccess: (request: GuardedRequest) => void,
  rateLimit = new RateLimit(),
): Server {
  const connections = new ConnectionLimit();
  let application: Promise<RequestListener> | undefined;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      checkAccess(request);
      const { path } = parseTarget(request.url);
      request.url = path;
      checkMethod(request);
      meetExpectation(request, response);
      if (path === '/') {
        // What somebody types who knows the port, and nothing else.
        redirect(response, `${ROOT}/`);
        return;
      }
      if (path === ROOT || path.startsWith(`${ROOT}?`)) {
        redirect(response, `${ROOT}/${path.slice(ROOT.length)}`);
        return;
      }
      application ??= load();
      const listener = await application.catch((error: unknown) => {
        application = undefined;
        throw error;
      });
      listener(request, response);
    } catch (error) {
      sendError(response, error);
    }
  }

  const onRequest = (request: IncomingMessage, response: ServerResponse, isStrange = false) => {
    connections.onRequest(request, response);
    setCommonHeaders(response);
    if (hasBody(request)) {
      // Most are not read, so no other request can follow them.
      response.setHeader('Connection', 'close');
    }
    rateLimit.admit(request.socket, () => void answer(request, response), isStrange);
  };

  const broken = new WeakSet<Duplex>();
  // https://nodejs.org/api/http.html#event-clienterror
  const onMalformed = (error: NodeJS.ErrnoException, stream: Duplex) => {
    if (broken.has(stream) || stream.writableEnded) {
      return;
    }
    broken.add(stream);
    const socket = stream as Socket & { _httpMessage?: { headersSent: boolean } | null };
    // Half an answer must not look like a whole one; and who has reset the connection reads none.
    if (error.code === 'ECONNRESET' || !socket.writable || socket._httpMessage?.headersSent) {
      socket.destroy();
      return;
    }
    // Or each further piece of it would be an error of its own.
    socket.pause();
    rateLimit.admit(socket, () => endSoon(socket.end(malformedText(error))), true);
  };

  // A request without Host gets the answer of the guard, not Node's own, which lacks our headers.
  const server = createServer({ ...REQUEST_LIMITS, requireHostHeader: false });
  // All are looked at: the guard has a limit of its own, and their bytes have one.
  server.maxHeadersCount = 0;
  server.on('connection', (socket: Socket) => {
    // Each request that waits on it has its own, and their number has a limit.
    socket.setMaxListeners(0);
    connections.onConnection(socket);
  });
  server.on('request', (request, response) => onRequest(request, response));
  server.on('checkContinue', (request, response) => onRequest(request, response));
  server.on('checkExpectation', (request, response) => onRequest(request, response, true));
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    // Node has let go of it, and so of what it does when a client disconnects before its answer.
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => endSoon(socket.end()));
    onRequest(request, response, true);
  });
  server.on('clientError', onMalformed);
  return server;
}

function checkMethod({ method = '', url = '' }: IncomingMessage): void {
  const isSymbol = url.split('?', 1)[0] === `${ROOT}/symbol`;
  const allowed = isSymbol ? ['GET', 'HEAD', 'POST'] : ['GET', 'HEAD'];
  if (!allowed.includes(method)) {
    const headers = { Allow: allowed.join(', ') };
    throw new PprofError(405, `method not allowed, use ${allowed.join(' or ')}`, { headers });
  }
}

function meetExpectation(request: IncomingMessage, response: ServerResponse): void {
  const expected = request.headers.expect?.toLowerCase();
  // HTTP/1.0 knows none.
  if (expected === undefined || request.httpVersion === '1.0') {
    return;
  }
  if (expected !== '100-continue') {
    throw new PprofError(417, 'the header Expect can only be 100-continue: ask without it');
  }
  response.writeContinue();
}

function malformedText({ code }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return errorText(431, 'address and headers together are too long');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return errorText(413, 'chunk extensions are too long');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return errorText(408, 'the request has not arrived in time');
    default:
      return errorText(400, 'not a valid HTTP request');
  }
}

/** Reads on for a while, and closes. */
function endSoon(socket: Socket): void {
  socket.resume();
  setTimeout(() => socket.destroy(), LINGER_MILLIS).unref();
}
