import { describe, expect, it } from '@jest/globals';
import { createAccessControl, type GuardedRequest, parseTarget } from './access.control.js';

interface Given extends Partial<Pick<GuardedRequest, 'rawHeaders' | 'url'>> {
  readonly allowedHosts?: readonly string[];
}

function refusalOf(
  headers: Readonly<Record<string, string>>,
  { allowedHosts = [], url = '/debug/pprof/', rawHeaders = Object.entries(headers).flat() }: Given = {},
): string | undefined {
  const check = createAccessControl({ allowedHosts, credentialsHash: undefined });
  try {
    check({ headers, url, rawHeaders });
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ status: 403 });
    return (error as Error).message;
  }
}

describe('refusalOf, by the Host header', () => {
  const loopback = ['localhost', 'LOCALHOST', 'LocalHost', '127.0.0.1', '127.12.13.14', '[::1]'];

  it.each(loopback)('lets %s pass, with any port: the port is that of the tunnel', (host) => {
    expect(refusalOf({ host })).toBeUndefined();
    expect(refusalOf({ host: `${host}:6060` })).toBeUndefined();
    expect(refusalOf({ host: `${host}:1` })).toBeUndefined();
    expect(refusalOf({ host: `${host}:65535` })).toBeUndefined();
  });

  const foreign = [
    'localhost.evil.com',
    'localhost6',
    'sub.localhost',
    'evil.com',
    '127.0.0.1.evil.com',
    '127.0.0.1.nip.io',
    '0.0.0.0',
    '10.0.2.555',
    '10.0.0.1',
    '0177.0.0.1',
    '127.0.0.01',
    '127.1',
    '2130706433',
    '0x7f000001',
    '::1',
    '::ffff:127.0.0.1',
    '[::ffff:127.0.0.1]',
    '[::]',
    '[0:0:0:0:0:0:0:1]',
    '[::1%25lo]',
    '[localhost]',
    '[127.0.0.1]',
    '[::1',
    '::1]',
    'localhost.',
    '127.0.0.1.',
    '',
    ' localhost',
    'localhost ',
    'user@localhost',
    'localhost@evil.com',
    'localhost/evil.com',
    'localhost#.evil.com',
    'localhost\u0000.evil.com',
    'ⓛocalhost',
    'evil.com, localhost',
    'localhost, evil.com',
  ];

  it.each(foreign)('refuses %j, with and without a port', (host) => {
    expect(refusalOf({ host })).toMatch(/^host not allowed: ask for localhost/);
    expect(refusalOf({ host: `${host}:6060` })).toMatch(/^host not allowed/);
  });

  it.each([
    'localhost:',
    'localhost:80:80',
    'localhost:123456',
    'localhost:-1',
    'localhost:6060x',
    '[::1]6060',
    ':6060',
  ])('refuses %s, which has no good port', (host) => {
    expect(refusalOf({ host })).toMatch(/^host not allowed/);
  });

  it('refuses a request without the header', () => {
    expect(refusalOf({})).toMatch(/^host not allowed/);
  });

  it('refuses a request with two, as it is not said which of them counts', () => {
    const headers = { host: 'localhost:6060' };
    for (const other of ['evil.com', 'localhost:6060', '']) {
      const rawHeaders = ['Host', headers.host, 'Accept', 'host', 'hOST', other];
      expect(refusalOf(headers, { rawHeaders })).toMatch(/^host not allowed/);
    }
  });

  it.each([
    'http://evil.com/debug/pprof/',
    'http://evil.com',
    'http://@localhost/',
    'http:///x',
    'x://evil/',
  ])('refuses the target %s, which names another host than the header does', (url) => {
    expect(refusalOf({ host: 'localhost:6060' }, { url })).toMatch(/^host not allowed/);
  });

  it('lets a target pass that names a host of loopback; not without a good header', () => {
    const url = 'http://localhost:6060/debug/pprof/';
    expect(refusalOf({ host: 'localhost:6060' }, { url })).toBeUndefined();
    expect(refusalOf({ host: 'evil.com' }, { url })).toMatch(/^host not allowed/);
  });

  it('looks at the Host before the others, as the order of the contract is', () => {
    expect(
      refusalOf({ host: 'evil.com', origin: 'http://evil.com', 'sec-fetch-site': 'cross-site' }),
    ).toMatch(/^host/);
  });
});

describe('refusalOf, with allowed hosts', () => {
  const allowedHosts = ['pprof.Internal', '10.0.0.7', '2001:db8:0:0:0:0:0:1', 'my_service'];

  it.each(['pprof.internal', 'PPROF.internal', '10.0.0.7', '[2001:db8::1]', '[2001:DB8::1]', 'my_service'])(
    'lets %s pass, with any port; and loopback as before',
    (host) => {
      expect(refusalOf({ host }, { allowedHosts })).toBeUndefined();
      expect(refusalOf({ host: `${host}:8443` }, { allowedHosts })).toBeUndefined();
      expect(refusalOf({ host: 'localhost:6060' }, { allowedHosts })).toBeUndefined();
      expect(refusalOf({ host })).toMatch(/^host not allowed/);
    },
  );

  it.each([
    'pprof.internal.evil.com',
    'evil-pprof.internal',
    'a.pprof.internal',
    'pprof.internal.',
    'pprof-internal',
    'internal',
    '10.0.0.70',
    '10.0.0.7.evil.com',
    '2001:db8::1',
    '[2001:db8::2]',
    'evil.com',
    '',
  ])('refuses %j all the same', (host) => {
    expect(refusalOf({ host }, { allowedHosts })).toMatch(/^host not allowed/);
    expect(refusalOf({ host: `${host}:6060` }, { allowedHosts })).toMatch(/^host not allowed/);
  });

  it('keeps the rules for Origin and Sec-Fetch-Site', () => {
    const host = 'pprof.internal:6060';
    const ask = (headers: Record<string, string>) => refusalOf({ host, ...headers }, { allowedHosts });
    expect(ask({ origin: 'http://evil.com' })).toMatch(/^origin not allowed/);
    expect(ask({ origin: 'http://localhost:6060' })).toMatch(/^origin not allowed/);
    expect(ask({ origin: `http://${host}` })).toBeUndefined();
    expect(ask({ 'sec-fetch-site': 'same-site' })).toMatch(/^cross-site/);
  });
});

describe('refusalOf, by the Origin header', () => {
  it.each([
    ['localhost:6060', 'http://localhost:6060'],
    ['LOCALHOST:6060', 'http://localhost:6060'],
    ['localhost:6060', 'http://LOCALHOST:6060'],
    ['127.0.0.1:6060', 'http://127.0.0.1:6060'],
    ['[::1]:6060', 'http://[::1]:6060'],
    ['localhost', 'http://localhost'],
  ])('lets a page of %s pass whose origin is %s', (host, origin) => {
    expect(refusalOf({ host, origin })).toBeUndefined();
  });

  it.each([
    ['localhost:6060', 'http://localhost:3000', 'another port'],
    ['localhost:6060', 'http://localhost', 'another port'],
    ['localhost:6060', 'https://localhost:6060', 'another scheme'],
    ['localhost:6060', 'http://127.0.0.1:6060', 'another name of the same machine'],
    ['localhost:6060', 'http://evil.com', 'another host'],
    ['localhost:6060', 'http://localhost:6060.evil.com', 'a host that begins like ours'],
    ['localhost:6060', 'http://evil.com/http://localhost:6060', 'a host that ends like ours'],
    ['localhost:6060', 'null', 'a sandboxed page or a file'],
    ['localhost:6060', '', 'an empty origin'],
    ['localhost:6060', 'http://localhost:6060/', 'not an origin'],
  ])('refuses, on %s, the origin %s: %s', (host, origin) => {
    expect(refusalOf({ host, origin })).toMatch(/^origin not allowed/);
  });
});

describe('refusalOf, by the Sec-Fetch headers', () => {
  const host = 'localhost:6060';
  const TYPED = { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

  it('lets pass what a user types, reloads, goes back to and clicks', () => {
    expect(refusalOf({ host, ...TYPED })).toBeUndefined();
    expect(refusalOf({ host, ...TYPED, 'sec-fetch-user': '?1' })).toBeUndefined();
    expect(refusalOf({ host, ...TYPED, 'sec-fetch-site': 'same-origin' })).toBeUndefined();
  });

  it('lets pass what our own pages ask for', () => {
    for (const [mode, dest] of [
      ['cors', 'empty'],
      ['no-cors', 'script'],
      ['no-cors', 'image'],
    ] as const) {
      const headers = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': mode, 'sec-fetch-dest': dest };
      expect(refusalOf({ host, ...headers })).toBeUndefined();
    }
  });

  it.each(['cross-site', 'same-site', 'SAME-ORIGIN', '', 'same-origin, cross-site', 'none, none', 'x'])(
    'refuses the site %j',
    (site) => {
      expect(refusalOf({ host, ...TYPED, 'sec-fetch-site': site })).toMatch(
        /^cross-site request not allowed/,
      );
    },
  );

  it.each([
    [{ 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'empty' }],
    [{ 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }],
    [{ 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }],
    [{ 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'empty' }],
    [{ 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'document' }],
    [{ 'sec-fetch-mode': 'navigate' }],
    [{ 'sec-fetch-dest': 'document' }],
    [{}],
  ])(
    'refuses the site none with %j, which no user has typed: Background Fetch, and what may come',
    (headers) => {
      expect(refusalOf({ host, 'sec-fetch-site': 'none', ...headers })).toMatch(
        /^cross-site request not allowed/,
      );
    },
  );

  it.each(['sec-purpose', 'purpose', 'x-purpose', 'x-moz'])('refuses what has the header %s', (name) => {
    for (const value of ['prefetch', 'prefetch;prerender', 'preview', '']) {
      const site = { ...TYPED, [name]: value };
      expect(refusalOf({ host, ...site })).toMatch(/^prefetch not allowed/);
      expect(refusalOf({ host, ...site, 'sec-fetch-site': 'same-origin' })).toMatch(/^prefetch not allowed/);
    }
    expect(refusalOf({ host, [name]: 'prefetch' })).toMatch(/^prefetch not allowed/);
  });

  it('lets a request pass that has none, as those of curl and go tool pprof have none', () => {
    expect(refusalOf({ host })).toBeUndefined();
  });
});

describe('refusalOf, by the number of headers', () => {
  it('refuses more than a hundred: older ones of Node stop there, and what comes after is not seen', () => {
    const headers = (count: number) =>
      Array.from({ length: count }, (_, index) => [`X-${index}`, '1']).flat();
    const host = { host: 'localhost' };
    expect(refusalOf(host, { rawHeaders: ['Host', 'localhost', ...headers(99)] })).toBeUndefined();
    expect(refusalOf(host, { rawHeaders: ['Host', 'localhost', ...headers(100)] })).toMatch(
      /^more than 100 headers not allowed/,
    );
  });
});

describe('parseTarget', () => {
  it.each([
    ['/debug/pprof/?seconds=1', undefined, '/debug/pprof/?seconds=1'],
    ['//evil.com/debug/pprof/', undefined, '//evil.com/debug/pprof/'],
    ['/a?url=http://evil.com/', undefined, '/a?url=http://evil.com/'],
    ['*', undefined, '*'],
    ['', undefined, ''],
    ['http://localhost:6060/debug/pprof/?a=b', 'localhost:6060', '/debug/pprof/?a=b'],
    ['HTTP://localhost', 'localhost', '/'],
    ['http://localhost?seconds=1', 'localhost', '/?seconds=1'],
    ['http://evil.com#localhost/', 'evil.com', '/#localhost/'],
    ['http://localhost@evil.com/', 'localhost@evil.com', '/'],
    ['http:///debug', '', '/debug'],
  ])('takes %j for host %j and path %j', (url, authority, path) => {
    expect(parseTarget(url)).toEqual({ authority, path });
  });
});
