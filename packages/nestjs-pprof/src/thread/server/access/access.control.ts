import type { ThreadData } from '../../../shared/thread.protocol.js';
import { PprofError } from '../../../shared/pprof.error.js';
import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import { isLoopback } from '../../../shared/loopback.host.js';

/**
 * Who may ask: decided before anything else is looked at, so that nobody else learns even which paths there are.
 *
 * @returns throws {PprofError} for a request that may not pass.
 * @internal
 */
export function createAccessControl({
  allowedHosts,
  credentialsHash,
}: Pick<ThreadData, 'allowedHosts' | 'credentialsHash'>): (request: GuardedRequest) => void {
  const allowed = new Set(allowedHosts.map(asInHostHeader));
  return (request) => {
    const refusal = refusalOf(request, allowed);
    if (refusal !== undefined) {
      throw new PprofError(403, refusal);
    }
    if (credentialsHash !== undefined && !hasCredentials(request.headers.authorization, credentialsHash)) {
      // Says nothing of what was wrong with those it had.
      throw new PprofError(
        401,
        'credentials needed, those of the option auth: http://USER:PASSWORD@HOST:PORT/debug/pprof/',
        { headers: { 'WWW-Authenticate': 'Basic realm="nestjs-pprof", charset="UTF-8"' } },
      );
    }
  };
}

/** Hashes are compared, in constant time: how long it takes tells nothing of the credentials, not even their length. */
function hasCredentials(authorization = '', credentialsHash: string): boolean {
  const encoded = /^basic +([a-z0-9+/_=-]+) *$/i.exec(authorization)?.[1] ?? '';
  // A megabyte and more in each thread that loads it, and most have no credentials.
  const { createHash, timingSafeEqual } = process.getBuiltinModule('node:crypto');
  const given = createHash('sha256').update(Buffer.from(encoded, 'base64')).digest();
  return timingSafeEqual(given, Buffer.from(credentialsHash, 'hex'));
}

/** Letters, digits and dots, or an IPv6 address in brackets; then perhaps a port, of the tunnel and not ours. */
const HOST_HEADER = /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;

/** What a browser fetches ahead of a navigation has one of these; the last two are those of older ones. */
const PREFETCH_HEADERS = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'];

/** No client sends as many. Node, too, has stopped at the hundredth, without a word: what came after was not looked at. */
const MAX_HEADERS = 100;

/** Of a request, what the guard looks at. @internal */
export type GuardedRequest = Pick<IncomingMessage, 'headers' | 'rawHeaders' | 'url'>;

interface RequestTarget {
  /** The host that is asked, where the target names one: `http://host:port/path`, as a client sends it to a proxy. */
  readonly authority: string | undefined;
  readonly path: string;
}

/**
 * Listening on loopback is not a wall by itself: a web page that the operator has open can send requests here too, under
 * its own name (DNS rebinding) or as a cross-site request. Both are told by their headers.
 *
 * @returns why a request is refused, and what to do; undefined for one that may pass.
 */
function refusalOf(
  { headers, rawHeaders, url }: GuardedRequest,
  allowed: ReadonlySet<string>,
): string | undefined {
  const isAllowed = (host: string) => {
    const name = HOST_HEADER.exec(host)?.[1]?.toLowerCase();
    return name !== undefined && (isLoopback(name) || allowed.has(name));
  };
  const { origin } = headers;
  // Of two, proxies and servers have been known to believe different ones; Node tells only the first.
  const [host, another] = hostHeaders(rawHeaders);
  const { authority } = parseTarget(url);
  if (host === undefined || another !== undefined || !isAllowed(host) || !isAllowed(authority ?? host)) {
    return (
      'host not allowed: ask for localhost, 127.0.0.1 or [::1], through ssh -L from another machine; a port-forward ' +
      'with a name of its own needs the option allowedHosts'
    );
  }
  if (rawHeaders.length > 2 * MAX_HEADERS) {
    return `more than ${MAX_HEADERS} headers not allowed: send fewer`;
  }
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
    return 'origin not allowed: requests from other web pages are refused, open this address itself';
  }
  if (PREFETCH_HEADERS.some((name) => headers[name] !== undefined)) {
    return 'prefetch not allowed: a web page may be what asks for this ahead of time, open this address itself';
  }
  if (!isAskedByUser(headers)) {
    return 'cross-site request not allowed: type the address into the address bar, or use curl';
  }
  return undefined;
}

/**
 * Takes a request's target apart. One that names a host counts more than the Host header does (RFC 9112, section 3.2.2),
 * and Express would route it by its path: so it has to pass the same rule.
 *
 * @internal
 */
export function parseTarget(url = ''): RequestTarget {
  const [absolute, authority] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url) ?? [];
  if (absolute === undefined) {
    return { authority: undefined, path: url };
  }
  const path = url.slice(absolute.length);
  return { authority, path: path.startsWith('/') ? path : `/${path}` };
}

/**
 * Whether it is no browser that asks, or its user. `none` means that no page has asked, or so it says: Chromium sends it
 * for Background Fetch, too, which any page can start. What a user types, reloads or goes back to is a navigation.
 * https://w3c.github.io/webappsec-fetch-metadata/#sec-fetch-site-header
 */
function isAskedByUser(headers: IncomingMessage['headers']): boolean {
  const site = headers['sec-fetch-site'];
  return (
    site === undefined ||
    site === 'same-origin' ||
    (site === 'none' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document')
  );
}

function hostHeaders(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]!.toLowerCase() === 'host');
}

/** In lower case; an IPv6 address in brackets and as short as can be, as browsers write it. */
function asInHostHeader(host: string): string {
  return isIPv6(host) ? new URL(`http://[${host}]`).hostname : host.toLowerCase();
}
