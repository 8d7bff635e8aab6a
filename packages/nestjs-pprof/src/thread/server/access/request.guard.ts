import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import { isLoopback } from '../../../shared/loopback.host.js';
import { parseTarget } from './request.target.js';

/** Letters, digits and dots, or an IPv6 address in brackets; then perhaps a port, of the tunnel and not ours. */
const HOST_HEADER = /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;

/** Of a request, what the guard looks at. @internal */
export type GuardedRequest = Pick<IncomingMessage, 'headers' | 'rawHeaders' | 'url'>;

/**
 * Listening on loopback is not a wall by itself: a web page that the operator has open can send requests here too, under
 * its own name (DNS rebinding) or as a cross-site request. Both are told by their headers.
 *
 * @param allowedHosts names, besides those of loopback, that a port-forward is asked for.
 * @returns tells why a request is refused, and what to do; undefined for one that may pass.
 * @internal
 */
export function createGuard(
  allowedHosts: readonly string[],
): (request: GuardedRequest) => string | undefined {
  const allowed = new Set(allowedHosts.map(asInHostHeader));

  const isAllowed = (host: string) => {
    const name = HOST_HEADER.exec(host)?.[1]?.toLowerCase();
    return name !== undefined && (isLoopback(name) || allowed.has(name));
  };

  return ({ headers, rawHeaders, url }) => {
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
    if (origin !== undefined && !isSameOrigin(origin, host)) {
      return 'origin not allowed: requests from other web pages are refused, open this address itself';
    }
    const site = headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') {
      return 'cross-site request not allowed: type the address into the address bar, or use curl';
    }
    return undefined;
  };
}

function hostHeaders(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]!.toLowerCase() === 'host');
}

function isSameOrigin(origin: string, host: string): boolean {
  return origin.toLowerCase() === `http://${host.toLowerCase()}`;
}

/** In lower case; an IPv6 address in brackets and as short as can be, as browsers write it. */
function asInHostHeader(host: string): string {
  return isIPv6(host) ? new URL(`http://[${host}]`).hostname : host.toLowerCase();
}
