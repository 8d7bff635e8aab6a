import type { ServerResponse } from 'node:http';
import type { HttpError } from './http.errors.js';

const COMMON_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

const TEXT = 'text/plain; charset=utf-8';

/** Headers of every response, errors included. @internal */
export function setCommonHeaders(response: ServerResponse): void {
  for (const [name, value] of Object.entries(COMMON_HEADERS)) {
    response.setHeader(name, value);
  }
}

/** @internal */
export function sendText(response: ServerResponse, text: string, contentType = TEXT): void {
  send(response, { 'Content-Type': contentType }, Buffer.from(text));
}

/** A profile for a program to read. `name` is the file name that a browser saves it under. @internal */
export function sendAttachment(response: ServerResponse, name: string, body: Buffer): void {
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Content-Disposition': `attachment; filename="${name}"`,
  };
  send(response, headers, body);
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

function send(response: ServerResponse, headers: Readonly<Record<string, string>>, body: Buffer): void {
  for (const [name, value] of Object.entries({ ...headers, 'Content-Length': String(body.length) })) {
    response.setHeader(name, value);
  }
  // Node leaves out the body of an answer to HEAD.
  response.end(body);
}
