import { STATUS_CODES, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { RecordingBody, RecordingHead } from '../profiles/recording.kind.js';
import type { HttpError } from './http.errors.js';

const COMMON_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

const TEXT = 'text/plain; charset=utf-8';

/** Headers of every response, errors included. @internal */
export function setCommonHeaders(response: ServerResponse): void {
  setHeaders(response, COMMON_HEADERS);
}

/** @internal */
export function sendText(response: ServerResponse, text: string, contentType = TEXT): void {
  send(response, { 'Content-Type': contentType }, Buffer.from(text));
}

/** What a browser shows, or a part of that. @internal */
export function sendPage(response: ServerResponse, body: Buffer, contentType: string): void {
  send(response, { 'Content-Type': contentType }, body);
}

/** @param location relative, so that it works behind a tunnel. @internal */
export function redirect(response: ServerResponse, location: string): void {
  response.statusCode = 301;
  setHeaders(response, { Location: location });
  response.end();
}

/**
 * Settles when all of it is on its way. A stream that fails, or a client that leaves, takes the connection with it: what
 * is cut off must not look whole.
 *
 * @internal
 */
export async function sendRecording(
  response: ServerResponse,
  head: RecordingHead,
  body: RecordingBody,
): Promise<void> {
  const headers = head.as === 'text' ? { 'Content-Type': TEXT } : attachmentHeaders(head.fileName);
  if (typeof body === 'string' || Buffer.isBuffer(body)) {
    send(response, headers, typeof body === 'string' ? Buffer.from(body) : body);
    return;
  }
  setHeaders(response, { ...headers, 'Content-Length': String(body.size) });
  await pipeline(body.stream, response);
}

function attachmentHeaders(name: string): Readonly<Record<string, string>> {
  return {
    'Content-Type': 'application/octet-stream',
    'Content-Disposition': `attachment; filename="${name}"`,
  };
}

/** `go tool pprof` shows the text of an error only with both of these headers. @internal */
export function sendError(response: ServerResponse, { status, message, headers = {} }: HttpError): void {
  if (response.headersSent) {
    // Half an answer must not look like a whole one.
    response.destroy();
    return;
  }
  response.statusCode = status;
  response.removeHeader('Content-Disposition');
  const text = `${message.replaceAll(/\s+/g, ' ').trim()}\n`;
  send(response, { ...headers, 'Content-Type': TEXT, 'X-Go-Pprof': '1' }, Buffer.from(text));
}

/** An error as bytes of a response, for a client that has sent no request that could be answered. @internal */
export function errorText(status: number, message: string): string {
  const body = `${message}\n`;
  const headers = {
    ...COMMON_HEADERS,
    'Content-Type': TEXT,
    'X-Go-Pprof': '1',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
}

function send(response: ServerResponse, headers: Readonly<Record<string, string>>, body: Buffer): void {
  setHeaders(response, { ...headers, 'Content-Length': String(body.length) });
  // Node leaves out the body of an answer to HEAD.
  response.end(body);
}

function setHeaders(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    response.setHeader(name, value);
  }
}
