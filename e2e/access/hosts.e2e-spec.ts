import { beforeAll, describe, expect, it } from '@jest/globals';
import type { AppProcess } from '../support/app.process.js';
import { type Inside, profilerOf, startFixture } from '../support/fixture.app.js';
import { request } from '../support/http.request.js';
import { rawRequest } from '../support/raw.request.js';

// Which requests the guard lets pass, on every route, and that those it refuses have no effect.

let app: AppProcess;
let origin: string;

beforeAll(async () => {
  app = startFixture('http', { heap: false, allowedHosts: ['pprof.internal', '10.0.0.7', '2001:db8::1'] });
  origin = await profilerOf(app);
});

const ROUTES = [
  '/',
  '/debug/pprof',
  '/debug/pprof/',
  '/debug/pprof/profile?seconds=1',
  '/debug/pprof/heap',
  '/debug/pprof/allocs',
  '/debug/pprof/block?seconds=1',
  '/debug/pprof/mutex',
  '/debug/pprof/goroutine?debug=2',
  '/debug/pprof/threadcreate',
  '/debug/pprof/trace?seconds=1',
  '/debug/pprof/heapsnapshot',
  '/debug/pprof/cmdline',
  '/debug/pprof/symbol',
  '/debug/pprof/ui/',
  '/debug/pprof/nothing',
  '/debug/vars',
];

/** Hosts that have let somebody past such a check elsewhere. */
const FOREIGN = [
  'localhost.evil.com',
  'localhost6',
  'ip6-localhost',
  '127.0.0.1.evil.com',
  '127.0.0.1.nip.io',
  '0.0.0.0',
  '10.0.2.555',
  '0177.0.0.1',
  '0x7f.0.0.1',
  '127.1',
  '2130706433',
  '[::ffff:10.0.0.1]',
  '[::ffff:127.0.0.1]',
  '[::]',
  'localhost.',
  'LOCALHOST.EVIL.COM',
  '127.0.0.1.',
  'user@localhost',
  'localhost:',
  'localhost:6060:6060',
  'evil.com:6060',
  'pprof.internal.evil.com',
  'a.pprof.internal',
  '10.0.0.70',
];

/** Nothing has been captured: neither is the addon loaded, nor has Nest been made to find a route. */
async function expectUntouched(): Promise<void> {
  expect((await app.call<Inside>('inside')).addonFiles).toEqual([]);
}

describe('the guard', () => {
  it.each(FOREIGN)('refuses the host %j, whatever is asked for', async (host) => {
    const requests = [
      ...ROUTES.map((route) => ['GET', route] as const),
      ['HEAD', '/debug/pprof/profile'],
      ['POST', '/debug/pprof/symbol'],
      ['DELETE', '/debug/pprof/heap'],
    ] as const;
    for (const [method, route] of requests) {
      const { status, headers } = await request(`${origin}${route}`, { method, headers: { host } });
      expect([method, route, status, headers['x-go-pprof']]).toEqual([method, route, 403, '1']);
    }
    await expectUntouched();
  });

  it.each<Record<string, string>>([
    { origin: 'http://evil.com' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-user': '?1' },
  ])('refuses %j, also on GET, whatever is asked for', async (headers) => {
    for (const route of ROUTES) {
      const { status, text } = await request(`${origin}${route}`, { headers });
      expect([route, status, text]).toEqual([route, 403, expect.stringMatching(/ not allowed: .*\n$/)]);
    }
    await expectUntouched();
  });

  it.each<[string, string[]]>([
    ['HTTP/1.0 without Host', ['GET /debug/pprof/profile HTTP/1.0']],
    ['HTTP/1.1 without Host', ['GET /debug/pprof/profile HTTP/1.1']],
    ['an empty Host', ['GET /debug/pprof/profile HTTP/1.1', 'Host:']],
    ['two Hosts', ['GET /debug/pprof/profile HTTP/1.1', 'Host: localhost', 'Host: evil.com']],
    ['a target of another host', ['GET http://evil.com/debug/pprof/profile HTTP/1.1', 'Host: localhost']],
    [
      'a target with credentials',
      ['GET http://localhost@evil.com/debug/pprof/profile HTTP/1.1', 'Host: localhost'],
    ],
  ])('refuses %s', async (_name, lines) => {
    expect(await rawRequest(origin, ...lines)).toMatch(/^HTTP\/1\.1 403 [^]*\r\n\r\nhost not allowed: .*\n$/);
    await expectUntouched();
  });

  it.each([
    'localhost',
    'localhost:9999',
    'LocalHost:1',
    '127.0.0.1',
    '127.1.2.3:65535',
    '[::1]',
    '[::1]:6060',
    'pprof.internal',
    'PPROF.internal:8443',
    '10.0.0.7:6060',
    '[2001:db8::1]:6060',
  ])('lets the host %s pass', async (host) => {
    expect((await request(`${origin}/debug/pprof/cmdline`, { headers: { host } })).status).toBe(200);
  });

  it('answers HTTP/1.0 with a good Host, and a target that names it', async () => {
    const host = 'Host: localhost:6060';
    expect(await rawRequest(origin, 'GET /debug/pprof/symbol HTTP/1.0', host)).toContain(' 200 OK');
    const target = 'http://localhost:6060/debug/pprof/symbol';
    expect(await rawRequest(origin, `GET ${target} HTTP/1.1`, host)).toContain(' 200 OK');
  });
});
