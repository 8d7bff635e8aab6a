/** What a request asks for. @internal */
export interface RequestTarget {
  /** The host that is asked, where the target names one: `http://host:port/path`, as a client sends it to a proxy. */
  readonly authority: string | undefined;
  /** Path and query. */
  readonly path: string;
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
