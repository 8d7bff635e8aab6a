import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf, PprofError } from '../../shared/pprof.error.js';
import { untilAborted } from '../capture/single.flight.js';
import type { RecordingBody, RecordingHead } from '../profiles/recording.kind.js';

const COMMON_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

const TEXT = 'text/plain; charset=utf-8';
const MARKDOWN = 'text/markdown; charset=utf-8';

/** `go tool pprof` shows the text of an error only with both of these. */
const ERROR_HEADERS = { 'Content-Type': TEXT, 'X-Go-Pprof': '1' };

/** Written at a time; taken by the client or not, this is what its progress is measured in. */
const SLICE = 64 * 1024;

/** A client that has not read a slice of its answer for so long has gone, or does not want it. */
const STALLED_MILLIS = 60_000;

type Headers = Readonly<Record<string, string>>;

/** Headers of every response, errors included. @internal */
export function setCommonHeaders(response: ServerResponse): void {
  setHeaders(response, COMMON_HEADERS);
}

/** @internal */
export function sendText(response: ServerResponse, text: string, contentType = TEXT): void {
  sendWhole(response, { 'Content-Type': contentType }, Buffer.from(text));
}

/** What a browser shows, or a part of that: even a text that somebody has made up can do no harm in it. @internal */
export function sendPage(
  response: ServerResponse,
  body: Buffer,
  contentType: string,
  contentSecurityPolicy: string,
): void {
  const headers = {
    'Content-Type': contentType,
    'Content-Security-Policy': `default-src 'none'; ${contentSecurityPolicy}; base-uri 'none'; ${contentSecurityPolicy.includes('form-action') ? '' : "form-action 'none'; "}frame-ancestors 'none'`,
    // No page that has opened this one, or is opened by it, has a hold on it.
    'Cross-Origin-Opener-Policy': 'same-origin',
  };
  sendWhole(response, headers, body);
}

/** @param location relative, so that it works behind a tunnel. @internal */
export function redirect(response: ServerResponse, location: string): void {
  response.statusCode = 301;
  sendWhole(response, { Location: location }, Buffer.alloc(0));
}

/**
 * Settles when all of it is on its way. A stream that fails, or a client that disconnects or stops reading, takes the
 * connection with it: what is cut off must not look whole.
 *
 * @internal
 */
export function sendRecording(
  response: ServerResponse,
  head: RecordingHead,
  body: RecordingBody,
  stalledMillis?: number,
): Promise<void> {
  const headers = recordingHeaders(head);
  if (typeof body === 'object' && 'bytes' in body) {
    return send(response, { ...headers, ...commentsHeader(body.comments) }, body.bytes, stalledMillis);
  }
  return send(response, headers, typeof body === 'string' ? Buffer.from(body) : body, stalledMillis);
}

/** Enough for the paths of some files. */
const LONGEST_HEADER = 2000;

function commentsHeader(comments: readonly string[]): Headers {
  // https://www.rfc-editor.org/rfc/rfc9110#section-5.5
  const text = comments.join('; ').replaceAll(/[^\x20-\x7e]/g, '?');
  return { 'X-Pprof-Comments': text.slice(0, LONGEST_HEADER) };
}

/** The answer to HEAD: without the length of the body, which nobody knows before it is there. @internal */
export function sendRecordingHead(response: ServerResponse, head: RecordingHead): void {
  setHeaders(response, recordingHeaders(head));
  response.end();
}

function recordingHeaders(head: RecordingHead): Headers {
  return head.as === 'file'
    ? {
        'Content-Type': 'application/octet-stream',
        'Content-Disposition': `attachment; filename="${head.fileName}"`,
      }
    : { 'Content-Type': head.as === 'text' ? TEXT : MARKDOWN };
}

/** Answers with whatever a request ran into, on one line. @internal */
export function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    // Half an answer must not look like a whole one.
    response.destroy();
    return;
  }
  // By its shape and not its class, as it may come from the other program of this thread, see `deferred.program.ts`.
  const { status = 500, headers = {} } = (error ?? {}) as { status?: unknown; headers?: Headers };
  const isStatus = typeof status === 'number' && status >= 400 && status <= 599;
  // What the framework says of a path that there is not repeats the path.
  const isOthers = status === 404 && !(error instanceof PprofError);
  const { message } = isOthers ? new UnknownProfileError() : { message: messageOf(error) };
  response.statusCode = isStatus ? status : 500;
  response.removeHeader('Content-Disposition');
  const text = `${message.replaceAll(/\s+/g, ' ').trim()}\n`;
  sendWhole(response, { ...headers, ...ERROR_HEADERS }, Buffer.from(text));
}

/** An error as bytes of a response, for a client that has sent no request that could be answered. @internal */
export function errorText(status: number, message: string): string {
  const body = `${STATUS_CODES[status]}: ${message}\n`;
  const headers = {
    ...COMMON_HEADERS,
    ...ERROR_HEADERS,
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
}

/** That its client disconnects, or does not read it, is nobody's error: nothing waits for it, and the connection ends with it. */
function sendWhole(response: ServerResponse, headers: Headers, body: Buffer): void {
  send(response, headers, body).catch(() => response.destroy());
}

async function send(
  response: ServerResponse,
  headers: Headers,
  body: Buffer | { readonly size: number; readonly stream: Readable },
  stalledMillis = STALLED_MILLIS,
): Promise<void> {
  const isWhole = Buffer.isBuffer(body);
  setHeaders(response, { ...headers, 'Content-Length': String(isWhole ? body.length : body.size) });
  const progressed = destroyWhenStalled(response, stalledMillis);
  if (isWhole && body.length <= SLICE) {
    // Node leaves out the body of an answer to HEAD.
    response.end(body);
    return;
  }
  const source = isWhole ? [body] : body.stream;
  // It is the connection that tells that the client has disconnected: a response that waits behind another hears of nothing, and a
  // stream that waits for its own data does not hear of it through the pipeline.
  const { socket } = response.req;
  const disconnected = new AbortController();
  const onClose = () => {
    if (!isWhole) {
      body.stream.destroy();
    }
    disconnected.abort();
  };
  socket.once('close', onClose);
  if (socket.destroyed) {
    onClose();
  }
  try {
    await untilAborted(disconnected.signal, pipeline(source, inSlices(progressed), response));
  } finally {
    socket.off('close', onClose);
  }
}

/** @returns to be called whenever the client has taken something. */
function destroyWhenStalled(response: ServerResponse, millis: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  const start = () => {
    timer = setTimeout(() => response.destroy(), millis).unref();
    response.once('close', () => clearTimeout(timer));
  };
  if (response.socket) {
    start();
  } else if (!response.closed) {
    // A client that has sent several requests at once gets this answer after the others.
    response.once('socket', start);
  }
  return () => timer?.refresh();
}

/** A slice is asked for when there is room for it, so the one before it is on its way. */
function inSlices(progressed: () => void) {
  return async function* (chunks: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      for (let from = 0; from < chunk.length; from += SLICE) {
        progressed();
        yield chunk.subarray(from, from + SLICE);
      }
    }
  };
}

function setHeaders(response: ServerResponse, headers: Headers): void {
  for (const [name, value] of Object.entries(headers)) {
    response.setHeader(name, value);
  }
}

/** The path names no profile. @internal */
export class UnknownProfileError extends PprofError {
  constructor() {
    super(404, 'Unknown profile');
  }
}
