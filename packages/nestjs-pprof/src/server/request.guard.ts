import type { IncomingHttpHeaders } from 'node:http';
import { isLoopback } from '../loopback.js';

/** Letters, digits and dots, or an IPv6 address in brackets; then perhaps a port, of the tunnel and not ours. */
const HOST_HEADER = /^([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;

/**
 * Listening on loopback is not a wall by itself: a web page that the operator has open can send requests here too, under
 * its own name (DNS rebinding) or as a cross-site request. Both are told by their headers.
 *
 * @returns why the request is refused, and what to do; undefined for one that may pass.
 * @internal
 */
export function refusalOf(headers: IncomingHttpHeaders): string | undefined {
  if (!isLoopbackHostHeader(headers.host)) {
    return 'host not allowed: ask for localhost, 127.0.0.1 or [::1], through ssh -L from another machine';
  }
  const { origin } = headers;
  if (origin !== undefined && !isSameOrigin(origin, headers.host)) {
    return 'origin not allowed: requests from other web pages are refused, open this address itself';
  }
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return 'cross-site request not allowed: type the address into the address bar, or use curl';
  }
  return undefined;
}

function isLoopbackHostHeader(host: string | undefined): boolean {
  const name = HOST_HEADER.exec(host ?? '')?.[1];
  return name !== undefined && isLoopback(name.toLowerCase());
}

function isSameOrigin(origin: string, host: string | undefined): boolean {
  return origin.toLowerCase() === `http://${host?.toLowerCase()}`;
}
