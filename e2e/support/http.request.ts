import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request as httpRequest } from 'node:http';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { buffer } from 'node:stream/consumers';
import { isStarved } from './patience.js';

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
  /** A unix socket to ask instead of the host and port of the URL. */
  readonly socketPath?: string;
}

export interface Response {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

/** One request on a connection of its own. Unlike `fetch` it sends any Host header, and decodes nothing. */
export async function request(url: string, options: RequestOptions = {}): Promise<Response> {
  const outgoing = send(url, options);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const body = await buffer(response);
  return { status: response.statusCode!, headers: response.headers, body, text: body.toString() };
}

/** Between two requests that are to see something change. Without, they would keep two processes busy while other tests run. */
const REST_MILLIS = 25;

/** Asks a URL until the answer is the wanted one. */
export function requestUntil(url: string, isWanted: (response: Response) => boolean): Promise<Response> {
  return askUntil(() => request(url), isWanted);
}

/** Asks until the answer is the wanted one. */
export async function askUntil(
  ask: () => Promise<Response>,
  isWanted: (response: Response) => boolean,
): Promise<Response> {
  for (;;) {
    const response = await ask();
    if (isWanted(response)) {
      return response;
    }
    await sleep(REST_MILLIS);
  }
}

/** A process that never has one is not served, and that is what is then seen. */
const TRIES = 10;

/**
 * Asks again where the answer is that the process had no processor, or that its event loop did not answer at one of the two moments
 * of a difference, on a machine that is starved: it has seen that, and nothing is wrong with it, but that there is nothing else in it.
 * So it does where what is served is not whole, as far as the caller knows.
 */
export async function onceServed(
  ask: () => Promise<Response>,
  isWhole: (response: Response) => boolean = () => true,
): Promise<Response> {
  let response = await ask();
  const isLeftOut = () =>
    (response.status === 504 && / had no processor for /.test(response.text)) ||
    (response.status === 409 && / ask again: .* the event loop did not answer /.test(response.text)) ||
    (response.status === 200 && !isWhole(response));
  for (let tries = 1; isStarved() && isLeftOut() && tries < TRIES; tries += 1) {
    response = await ask();
  }
  return response;
}

/** What is served at a URL, as `onceServed` has it; fails with the server's words where that is nothing. */
export async function served(url: string, isWhole?: (response: Response) => boolean): Promise<Response> {
  const response = await onceServed(() => request(url), isWhole);
  if (response.status !== 200) {
    throw new Error(`${url}: ${response.status} ${response.text}`);
  }
  return response;
}

/** A request that the caller can end: `disconnect()` cuts its connection; `cut` settles when the server has cut it. */
export function openRequest(
  url: string,
  options: RequestOptions = {},
): { disconnect(): void; cut: Promise<Error> } {
  const outgoing = send(url, options);
  const cut = once(outgoing, 'response').then(
    () => new Error('answered'),
    (error: unknown) => error as Error,
  );
  return { disconnect: () => outgoing.destroy(), cut };
}

function send(url: string, { method = 'GET', headers = {}, body, socketPath }: RequestOptions) {
  const { hostname, port } = new URL(url);
  // The path as it is written: WHATWG URL would tidy it up.
  const path = url.slice(new URL(url).origin.length) || '/';
  return httpRequest({ hostname, port, socketPath, path, method, headers, agent: false }).end(body);
}
