import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { limitConnections } from './limits/connection.limit.js';
import { type HttpError, toHttpError } from './http.errors.js';
import { destroyWhenStalled, hasBody, MAX_HEADERS, REQUEST_LIMITS } from './limits/http.limits.js';
import { sendError, setCommonHeaders } from './http.response.js';
import { answerMalformedRequests } from './limits/malformed.request.js';
import type { GuardedRequest } from './access/request.guard.js';
import { RequestPace } from './limits/request.pace.js';
import { parseTarget } from './access/request.target.js';

const ROOT = '/debug/pprof';

/**
 * The listener on the profiling port: small, so that it is up at once and stays cheap while nobody asks. It turns away
 * what may not pass before anything else is looked at, and has the Nest application made for the first request that may.
 *
 * @param load makes the application; called once, and again if that failed.
 * @param refuse tells why a request may not pass; see `access.control.ts`
 * @internal
 */
export function createProfilingServer(
  load: () => Promise<RequestListener>,
  refuse: (request: GuardedRequest) => HttpError | undefined,
): Server {
  let loading: Promise<RequestListener> | undefined;
  const loadOnce = () => {
    loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
  const answer: RequestListener = (request, response) => {
    const refused = refuse(request);
    if (refused) {
      sendError(response, refused);
      return;
    }
    request.url = parseTarget(request.url).path;
    if (!answerWithoutApplication(request, response)) {
      loadOnce().then(
        (application) => application(request, response),
        (error: unknown) => sendError(response, toHttpError(error)),
      );
    }
  };
  const pace = new RequestPace();
  // A request without Host gets the answer of the guard, not Node's own, which lacks our headers.
  const server = createServer({ ...REQUEST_LIMITS, requireHostHeader: false }, (request, response) => {
    setCommonHeaders(response);
    destroyWhenStalled(response);
    if (hasBody(request)) {
      // Most are not read, so no other request can follow them.
      response.setHeader('Connection', 'close');
    }
    pace.admit(response, () => answer(request, response));
  });
  server.maxHeadersCount = MAX_HEADERS;
  limitConnections(server);
  answerMalformedRequests(server);
  return server;
}

function answerWithoutApplication(request: IncomingMessage, response: ServerResponse): boolean {
  const { url = '' } = request;
  const queryAt = url.indexOf('?');
  const path = queryAt === -1 ? url : url.slice(0, queryAt);
  const allowed = path === `${ROOT}/symbol` ? ['GET', 'HEAD', 'POST'] : ['GET', 'HEAD'];
  if (!allowed.includes(request.method ?? '')) {
    const headers = { Allow: allowed.join(', ') };
    sendError(response, { status: 405, message: `method not allowed, use ${allowed.join(' or ')}`, headers });
    return true;
  }
  if (path === ROOT) {
    response.statusCode = 301;
    response.setHeader('Location', `${ROOT}/${url.slice(path.length)}`);
    response.end();
    return true;
  }
  return false;
}
