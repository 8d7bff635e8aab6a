import { beforeAll, describe, expect, it } from '@jest/globals';
import { profilerOf, startFixture } from './support/fixture.app.js';
import { request, type RequestOptions, type Response } from './support/http.request.js';
import { decodeProfile } from './support/pprof.profile.js';

// The HTTP contract, row by row, against one application.

let origin: string;

beforeAll(async () => {
  const app = startFixture(
    'http',
    {},
    { args: ['express', '--db-password=hunter2', '--api-token', 's3cret'] },
  );
  origin = await profilerOf(app);
});

const ask = (path: string, options?: RequestOptions) => request(`${origin}${path}`, options);

/** What every response has, and what none may have. */
function expectCommonHeaders({ headers }: Response): void {
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'cross-origin-resource-policy': 'same-origin',
  });
  const forbidden = ['x-powered-by', 'content-encoding', 'etag', 'set-cookie'];
  const present = Object.keys(headers).filter(
    (name) => forbidden.includes(name) || name.startsWith('access-control-'),
  );
  expect(present).toEqual([]);
}

/** `go tool pprof` shows the text of an error that looks like this. */
function expectError(response: Response, status: number, text: string | RegExp): void {
  expect({ status: response.status, text: response.text }).toEqual({
    status,
    text: typeof text === 'string' ? `${text}\n` : expect.stringMatching(text),
  });
  expect(response.text).toMatch(/^[^\n]+\n$/);
  expect(response.headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'x-go-pprof': '1' });
  expect(response.headers).not.toHaveProperty('content-disposition');
  expectCommonHeaders(response);
}

describe('answers', () => {
  it.each<[string, { type: string; disposition?: string; text?: RegExp; gzip?: true }]>([
    ['/debug/pprof/', { type: 'text/html; charset=utf-8', text: /Types of profiles available/ }],
    ['/debug/pprof/', { type: 'text/html; charset=utf-8', text: /full goroutine stack dump/ }],
    [
      '/debug/pprof/profile?seconds=1',
      { type: 'application/octet-stream', disposition: 'attachment; filename="profile"', gzip: true },
    ],
    [
      '/debug/pprof/profile?seconds=1&hz=1000&threads=main',
      { type: 'application/octet-stream', disposition: 'attachment; filename="profile"', gzip: true },
    ],
    [
      '/debug/pprof/profile?seconds=1&format=text',
      { type: 'text/plain; charset=utf-8', text: /flat\s+flat%/ },
    ],
    [
      '/debug/pprof/heap',
      { type: 'application/octet-stream', disposition: 'attachment; filename="heap"', gzip: true },
    ],
    [
      '/debug/pprof/heap?gc=1&debug=0',
      { type: 'application/octet-stream', disposition: 'attachment; filename="heap"', gzip: true },
    ],
    [
      '/debug/pprof/heap?seconds=1',
      { type: 'application/octet-stream', disposition: 'attachment; filename="heap-delta"', gzip: true },
    ],
    ['/debug/pprof/heap?debug=1', { type: 'text/plain; charset=utf-8', text: /\S/ }],
    ['/debug/pprof/heap?format=text', { type: 'text/plain; charset=utf-8', text: /flat\s+flat%/ }],
    [
      '/debug/pprof/cmdline',
      { type: 'text/plain; charset=utf-8', text: /\0[^\n]*http\.mjs\0express\0[^\n]*$/ },
    ],
    ['/debug/pprof/symbol', { type: 'text/plain; charset=utf-8', text: /^num_symbols: 1\n$/ }],
    ['/debug/pprof/symbol?0x1234+0x5678', { type: 'text/plain; charset=utf-8', text: /^num_symbols: 1\n$/ }],
  ])('GET %s: 200 %j', async (path, { type, disposition, text, gzip }) => {
    const response = await ask(path);
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toBe(type);
    expect(response.headers['content-disposition']).toBe(disposition);
    expectCommonHeaders(response);
    if (text) {
      expect(response.text).toMatch(text);
    }
    if (gzip) {
      expect(decodeProfile(response.body).sampleTypes.length).toBeGreaterThan(0);
    }
  });

  it('the index links only relatively, to profiles that are there', async () => {
    const { text } = await ask('/debug/pprof/');
    const links = [...text.matchAll(/href="([^"]*)"/g)].map(([, link]) => link!);
    expect(links).toEqual(
      expect.arrayContaining(['profile', 'heap', 'cmdline', 'symbol', 'goroutine?debug=2']),
    );
    expect(links.filter((link) => /^([a-z]+:|\/)/.test(link))).toEqual([]);
  });

  it('the masked command line', async () => {
    const { text } = await ask('/debug/pprof/cmdline');
    expect(text).toContain('--db-password=');
    expect(text).not.toMatch(/hunter2|s3cret/);
  });

  it('POST symbol', async () => {
    const response = await ask('/debug/pprof/symbol', { method: 'POST', body: '0x1234+0x5678' });
    expect([response.status, response.text]).toEqual([200, 'num_symbols: 1\n']);
    expectCommonHeaders(response);
  });

  it('the types, period and time that the contract names', async () => {
    const before = Date.now();
    const profile = decodeProfile((await ask('/debug/pprof/profile?seconds=1')).body);
    expect(profile.sampleTypes).toEqual(['samples/count', 'wall/nanoseconds', 'cpu/nanoseconds']);
    expect(profile.startedAt).toBeGreaterThanOrEqual(before - 1);
    expect(profile.durationMillis).toBeGreaterThanOrEqual(1000);
    const heap = decodeProfile((await ask('/debug/pprof/heap')).body);
    expect(heap.sampleTypes).toEqual(['inuse_objects/count', 'inuse_space/bytes']);
    expect(heap.durationMillis).toBe(0);
  });

  it.each(['/debug/pprof?seconds=5&x=%20', '/debug/pprof'])(
    '%s redirects to the index and keeps the query',
    async (path) => {
      const response = await ask(path);
      expect(response.status).toBe(301);
      expect(response.headers.location).toBe(path.replace('/debug/pprof', '/debug/pprof/'));
      expectCommonHeaders(response);
    },
  );

  it('the first value of a repeated parameter counts', async () => {
    const { status, body } = await ask('/debug/pprof/profile?seconds=1&seconds=abc&hz=50&hz=99999');
    expect(status).toBe(200);
    expect(decodeProfile(body).comments).toEqual(
      expect.arrayContaining([expect.stringMatching(/^sampling rate: 50 Hz/)]),
    );
    expectError(await ask('/debug/pprof/profile?seconds=abc&seconds=1'), 400, /"seconds"/);
  });

  it('unknown parameters are ignored, as in Go', async () => {
    expect((await ask('/debug/pprof/heap?colour=red')).status).toBe(200);
  });
});

describe('HEAD', () => {
  it.each([
    ['/debug/pprof/', 200],
    ['/debug/pprof/profile?seconds=300', 200],
    ['/debug/pprof/heap', 200],
    ['/debug/pprof/cmdline', 200],
    ['/debug/pprof/symbol', 200],
    ['/debug/pprof/profile?seconds=0', 400],
    ['/debug/pprof/nothing', 404],
  ])('%s: %d and the headers of GET, without a body or a capture', async (path, status) => {
    const response = await ask(path, { method: 'HEAD' });
    expect([response.status, response.body.length]).toEqual([status, 0]);
    expectCommonHeaders(response);
    if (path.includes('profile?seconds=300')) {
      expect(response.headers['content-type']).toBe('application/octet-stream');
      expect(response.headers['content-disposition']).toBe('attachment; filename="profile"');
    }
  });
});

describe('other methods', () => {
  it.each([
    ['POST', '/debug/pprof/', 'GET, HEAD'],
    ['POST', '/debug/pprof/profile', 'GET, HEAD'],
    ['DELETE', '/debug/pprof/heap', 'GET, HEAD'],
    ['PUT', '/debug/pprof/cmdline', 'GET, HEAD'],
    ['OPTIONS', '/debug/pprof/heap', 'GET, HEAD'],
    ['PATCH', '/debug/pprof/symbol', 'GET, HEAD, POST'],
  ])('%s %s: 405', async (method, path, allow) => {
    const response = await ask(path, { method });
    expectError(response, 405, /^method not allowed/);
    expect(response.headers.allow).toBe(allow);
  });
});

describe('parameters that are wrong', () => {
  const POSITIVE = 'invalid value for "seconds" - must be a positive integer';

  it.each<[string, string | RegExp]>([
    ['profile?seconds=0', POSITIVE],
    ['profile?seconds=-1', POSITIVE],
    ['profile?seconds=1.5', POSITIVE],
    ['profile?seconds=abc', POSITIVE],
    ['profile?seconds=', POSITIVE],
    ['profile?seconds=1e2', POSITIVE],
    ['profile?seconds=%201', POSITIVE],
    ['profile?seconds=301', /"seconds" - the maximum is 300/],
    ['profile?seconds=99999999999999999999', /"seconds"/],
    ['heap?seconds=0', POSITIVE],
    ['heap?seconds=301', /"seconds" - the maximum is 300/],
    ['heap?seconds=1&debug=1', 'seconds and debug params are incompatible'],
    ['profile?seconds=1&hz=0', /"hz" - must be an integer from 1 to 1000/],
    ['profile?seconds=1&hz=1001', /"hz"/],
    ['profile?seconds=1&hz=x', /"hz"/],
    ['profile?seconds=1&threads=x', /"threads".*all, main/],
    ['profile?seconds=1&format=svg', /"format".*pprof.*text/],
    ['heap?format=svg', /"format"/],
    ['heap?debug=x', /"debug"/],
    ['heap?gc=x', /"gc"/],
  ])('%s: 400, names parameter and allowed values', async (path, text) => {
    expectError(await ask(`/debug/pprof/${path}`), 400, text);
  });
});

describe('paths that are no profile', () => {
  it.each([
    '/debug/pprof/nothing',
    '/debug/pprof/profile/x',
    '/',
    '/debug',
    '/health',
    '/debug/pprof/../heap',
    '/debug/pprof/%00',
  ])('%s: 404 Unknown profile', async (path) => {
    expectError(await ask(path), 404, 'Unknown profile');
  });

  it('a malformed URL: 400', async () => {
    expectError(await ask('/debug/pprof/%E0%A4%A'), 400, /./);
  });
});

describe('the guard against web pages', () => {
  it.each<Record<string, string>>([
    { host: 'localhost' },
    { host: 'localhost:6060' },
    { host: 'LOCALHOST:1' },
    { host: '127.0.0.1' },
    { host: '127.1.2.3:9999' },
    { host: '[::1]' },
    { host: '[::1]:6060' },
    { host: 'localhost:6060', origin: 'http://localhost:6060' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'same-origin' },
  ])('lets %j pass', async (headers) => {
    expect((await ask('/debug/pprof/symbol', { headers })).status).toBe(200);
  });

  it.each<Record<string, string>>([
    { host: 'evil.com' },
    { host: 'localhost.evil.com' },
    { host: '127.0.0.1.evil.com' },
    { host: '127.1' },
    { host: '0x7f.0.0.1' },
    { host: '0177.0.0.1' },
    { host: '2130706433' },
    { host: '0.0.0.0' },
    { host: '10.0.0.1:6060' },
    { host: '[::ffff:127.0.0.1]' },
    { host: '[::]' },
    { host: 'localhost:' },
    { host: 'localhost:6060:1' },
    { host: 'user@localhost' },
    { host: 'localhost:6060', origin: 'http://evil.com' },
    { host: 'localhost:6060', origin: 'http://localhost:3000' },
    { host: 'localhost:6060', origin: 'https://localhost:6060' },
    { host: 'localhost:6060', origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ])('refuses %j with 403, says what to do, whatever is asked for', async (headers) => {
    for (const [path, method] of [
      ['/debug/pprof/symbol', 'GET'],
      ['/debug/pprof', 'GET'],
      ['/debug/pprof/nothing', 'GET'],
      ['/debug/pprof/heap', 'DELETE'],
    ] as const) {
      expectError(await ask(path, { headers, method }), 403, /not allowed: /);
    }
  });
});

describe('captures at the same time', () => {
  it('both succeed, each with its own window', async () => {
    const [one, two] = await Promise.all([
      ask('/debug/pprof/profile?seconds=1'),
      ask('/debug/pprof/profile?seconds=2'),
    ]);
    expect([one.status, two.status]).toEqual([200, 200]);
    const [first, second] = [decodeProfile(one.body), decodeProfile(two.body)];
    // The windows, not the clock: the longer one is longer by about the second that was asked for.
    expect(second.durationMillis - first.durationMillis).toBeGreaterThan(500);
  });
});
