import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { ThreadData } from '../../shared/thread.protocol.js';
import { createAccessControl } from './access/access.control.js';
import { createProfilingServer } from './http.listener.js';
import { RateLimit } from './limits/rate.limit.js';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

let server: Server | undefined;

afterEach(close);

function close(): void {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
}

const application: RequestListener = (incoming, response) => response.end(`application: ${incoming.url}`);

async function listen(
  load: () => Promise<RequestListener> = () => Promise.resolve(application),
  access: Partial<Pick<ThreadData, 'allowedHosts' | 'credentialsHash'>> = {},
): Promise<void> {
  close();
  server = createProfilingServer(
    load,
    createAccessControl({ allowedHosts: [], credentialsHash: undefined, ...access }),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

function ask(path: string, { method = 'GET', headers = {} } = {}): Promise<Answer> {
  const { port } = server!.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, text: body }),
      );
    });
    sent.on('error', reject);
    sent.end();
  });
}

const CREDENTIALS = createHash('sha256').update('ops:hunter2').digest('hex');

describe('the listener', () => {
  it('makes the application for the first request, and once', async () => {
    const load = jest.fn(() => Promise.resolve(application));
    await listen(load);
    expect(load).not.toHaveBeenCalled();
    const answers = await Promise.all([ask('/debug/pprof/'), ask('/debug/pprof/heap'), ask('/debug/vars')]);
    expect(answers.map(({ text }) => text)).toEqual([
      'application: /debug/pprof/',
      'application: /debug/pprof/heap',
      'application: /debug/vars',
    ]);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('tells where the application could not be made, and tries again', async () => {
    const load = jest
      .fn(() => Promise.resolve(application))
      .mockRejectedValueOnce(new Error('Cannot find package "@nestjs/platform-express"'));
    await listen(load);
    expect(await ask('/debug/pprof/')).toMatchObject({
      status: 500,
      text: 'Cannot find package "@nestjs/platform-express"\n',
    });
    expect(await ask('/debug/pprof/')).toMatchObject({ status: 200 });
  });

  it('puts the common headers on what the application answers', async () => {
    await listen();
    expect((await ask('/debug/pprof/heap')).headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'cross-origin-resource-policy': 'same-origin',
    });
  });

  it.each([
    [{ host: 'evil.com' }, /^host not allowed/],
    [{ origin: 'http://evil.com' }, /^origin not allowed/],
    [{ 'sec-fetch-site': 'cross-site' }, /^cross-site request not allowed/],
  ])('turns a request with %j away before the application is made for it', async (headers, text) => {
    const load = jest.fn(() => Promise.resolve(application));
    await listen(load);
    const answer = await ask('/debug/pprof/', { headers, method: 'DELETE' });
    expect(answer).toMatchObject({ status: 403, text: expect.stringMatching(text) });
    expect(answer.headers).toMatchObject({ 'x-go-pprof': '1', 'x-content-type-options': 'nosniff' });
    expect(load).not.toHaveBeenCalled();
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'])(
    'refuses %s, and says what is allowed',
    async (method) => {
      await listen();
      const { status, headers } = await ask('/debug/pprof/heap', { method });
      expect([status, headers.allow]).toEqual([405, 'GET, HEAD']);
    },
  );

  it('lets POST pass to symbol alone, also with a query', async () => {
    await listen();
    expect(await ask('/debug/pprof/symbol', { method: 'POST' })).toMatchObject({ status: 200 });
    expect(await ask('/debug/pprof/symbol?0x1', { method: 'POST' })).toMatchObject({ status: 200 });
    const refused = await ask('/debug/pprof/symbol', { method: 'PUT' });
    expect([refused.status, refused.headers.allow]).toEqual([405, 'GET, HEAD, POST']);
  });

  it.each([
    ['/', '/debug/pprof/'],
    ['/debug/pprof', '/debug/pprof/'],
    ['/debug/pprof?seconds=5', '/debug/pprof/?seconds=5'],
    ['/debug/pprof?a=1?b=2', '/debug/pprof/?a=1?b=2'],
    ['/debug/pprof?', '/debug/pprof/?'],
  ])('redirects %s to %s', async (path, location) => {
    await listen();
    const { status, headers } = await ask(path);
    expect([status, headers.location]).toEqual([301, location]);
  });
});

/** Sends bytes as they are and reads until the server closes: what no HTTP client would send. */
async function sendRaw(...lines: string[]): Promise<string> {
  return sendBytes([...lines, 'Connection: close', '', ''].join('\r\n'));
}

function sendBytes(bytes: string): Promise<string> {
  const { port } = server!.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  socket.end(bytes);
  return readText(socket);
}

describe('the listener, asked unusually', () => {
  it.each([
    ['HTTP/1.0 without Host', ['GET /debug/pprof/heap HTTP/1.0']],
    ['HTTP/1.1 without Host', ['GET /debug/pprof/heap HTTP/1.1']],
    ['an empty Host', ['GET /debug/pprof/heap HTTP/1.1', 'Host:']],
    ['two Hosts', ['GET /debug/pprof/heap HTTP/1.1', 'Host: localhost', 'Host: evil.com']],
    ['two Hosts', ['GET /debug/pprof/heap HTTP/1.1', 'Host: evil.com', 'Host: localhost']],
    ['the same Host twice', ['GET /debug/pprof/heap HTTP/1.1', 'Host: localhost', 'Host: localhost']],
    ['a target of another host', ['GET http://evil.com/debug/pprof/heap HTTP/1.1', 'Host: localhost']],
    [
      'a target of loopback with another Host',
      ['GET http://localhost/debug/pprof/heap HTTP/1.1', 'Host: evil.com'],
    ],
    [
      'two Origins',
      ['GET / HTTP/1.1', 'Host: localhost', 'Origin: http://localhost', 'Origin: http://evil.com'],
    ],
    [
      'two Sec-Fetch-Sites',
      ['GET / HTTP/1.1', 'Host: localhost', 'Sec-Fetch-Site: none', 'Sec-Fetch-Site: cross-site'],
    ],
    [
      'an upgrade from a page',
      [
        'GET / HTTP/1.1',
        'Host: localhost',
        'Origin: http://evil.com',
        'Connection: upgrade',
        'Upgrade: websocket',
      ],
    ],
  ])('refuses %s, with the headers of every error', async (_name, lines) => {
    const load = jest.fn(() => Promise.resolve(application));
    await listen(load);
    const answer = await sendRaw(...lines);
    expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
    expect(answer).toMatch(/^X-Go-Pprof: 1\r$/m);
    expect(answer).toMatch(/^X-Content-Type-Options: nosniff\r$/m);
    expect(answer).toMatch(/\r\n\r\n[a-z -]+ not allowed[^\n]*\n$/);
    expect(load).not.toHaveBeenCalled();
  });

  it('answers HTTP/1.0 with a good Host', async () => {
    await listen();
    expect(await sendRaw('GET /debug/pprof/heap HTTP/1.0', 'Host: 127.0.0.1:6060')).toMatch(
      /^HTTP\/1\.1 200 OK/,
    );
  });

  it('takes the path of a target that names a host of loopback', async () => {
    await listen();
    const answer = await sendRaw(
      'GET http://localhost:6060/debug/pprof/heap?debug=1 HTTP/1.1',
      'Host: localhost:6060',
    );
    expect(answer).toMatch(/\r\n\r\napplication: \/debug\/pprof\/heap\?debug=1$/);
  });

  it('looks at headers after the hundredth, too', async () => {
    await listen();
    const many = (count: number) => Array.from({ length: count }, (_, index) => `X-${index}: 1`);
    const answerTo = (...headers: string[]) =>
      sendRaw('GET /debug/pprof/heap HTTP/1.1', 'Host: localhost', ...headers);
    expect(await answerTo(...many(98))).toMatch(/^HTTP\/1\.1 200 /);
    expect(await answerTo(...many(99))).toMatch(
      /^HTTP\/1\.1 403 [^]*\r\n\r\nmore than 100 headers not allowed/,
    );
    expect(await answerTo(...many(120), 'Origin: http://evil.com')).toMatch(/^HTTP\/1\.1 403 /);
  });
});

describe('the listener, asked for what Node would answer by itself', () => {
  const EXPECTATIONS = ['x', '100-continue', '100-continue, x', '', 'X'.repeat(100)];

  it.each(EXPECTATIONS)('has the guard answer first where it expects %j', async (expectation) => {
    await listen();
    const answer = await sendRaw('GET / HTTP/1.1', 'Host: evil.com', `Expect: ${expectation}`);
    expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
    expect(answer).toMatch(/^X-Content-Type-Options: nosniff\r$/m);
  });

  it.each(EXPECTATIONS)('then wants credentials, where it expects %j', async (expectation) => {
    await listen(undefined, { credentialsHash: CREDENTIALS });
    const answer = await sendRaw('GET / HTTP/1.1', 'Host: localhost', `Expect: ${expectation}`);
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  });

  it('refuses an expectation that it does not know, as an error like all others', async () => {
    await listen();
    const answer = await sendRaw('GET / HTTP/1.1', 'Host: localhost', 'Expect: x');
    expect(answer).toMatch(/^HTTP\/1\.1 417 Expectation Failed\r\n/);
    expect(answer).toMatch(/^X-Go-Pprof: 1\r$/m);
    expect(answer).toMatch(/\r\n\r\nthe header Expect can only be 100-continue[^\n]*\n$/);
  });

  it('tells a client that waits for it to send its body', async () => {
    await listen();
    const answer = await sendRaw('GET /a HTTP/1.1', 'Host: localhost', 'Expect: 100-continue');
    expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
    expect(await sendRaw('GET /a HTTP/1.0', 'Host: localhost', 'Expect: 100-continue')).toMatch(
      /^HTTP\/1\.1 200 OK/,
    );
  });

  it('refuses CONNECT as any other method, after the guard', async () => {
    await listen();
    const answer = await sendRaw('CONNECT localhost:6060 HTTP/1.1', 'Host: localhost:6060');
    expect(answer).toMatch(/^HTTP\/1\.1 405 Method Not Allowed\r\n/);
    expect(answer).toMatch(/^X-Go-Pprof: 1\r$/m);
    expect(await sendRaw('CONNECT localhost:6060 HTTP/1.1', 'Host: evil.com')).toMatch(/^HTTP\/1\.1 403 /);
    await listen(undefined, { credentialsHash: CREDENTIALS });
    expect(await sendRaw('CONNECT localhost:6060 HTTP/1.1', 'Host: localhost')).toMatch(/^HTTP\/1\.1 401 /);
  });

  it.each([
    ['what is expected', 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: x\r\n\r\n'],
    ['CONNECT', 'CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    // Not read any more, so that only its turn shows that the client has left.
    ['malformed requests', 'hello\r\n\r\n', false],
  ])('has the rate limit count %s as well, after all others', async (_, bytes, isMissed = true) => {
    const rateLimit = new RateLimit(1, 0);
    const admit = jest.spyOn(rateLimit, 'admit');
    server = createProfilingServer(
      () => Promise.resolve(application),
      createAccessControl({ allowedHosts: [], credentialsHash: undefined }),
      rateLimit,
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    expect(await sendBytes(bytes)).toMatch(/^HTTP\/1\.1 4/);
    expect(admit.mock.calls.map(([, , isStrange]) => isStrange)).toEqual([true]);
    // Those that follow wait, and a client that disconnects is not answered, nor kept.
    const { port } = server.address() as AddressInfo;
    const taken = once(server, 'connection');
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const [kept] = (await taken) as [Socket];
    const closed = once(kept, 'close');
    socket.on('error', () => undefined);
    while (admit.mock.calls.length < 2) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(socket.bytesRead).toBe(0);
    socket.destroy();
    if (isMissed) {
      await closed;
    }
    kept.destroy();
  });
});

describe('the listener, in which something fails', () => {
  it('answers where a check throws, and goes on', async () => {
    const check = jest.fn().mockImplementationOnce(() => {
      throw new TypeError('odd');
    });
    server = createProfilingServer(() => Promise.resolve(application), check as () => void);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    expect(await ask('/a')).toMatchObject({ status: 500, text: 'odd\n' });
    expect(await ask('/a')).toMatchObject({ status: 200 });
  });

  it('answers where the application throws, and goes on', async () => {
    let failures = 1;
    await listen(() =>
      Promise.resolve((incoming, response) => {
        if (failures-- > 0) {
          throw new Error('thrown by the application');
        }
        application(incoming, response);
      }),
    );
    expect(await ask('/a')).toMatchObject({ status: 500, text: 'thrown by the application\n' });
    expect(await ask('/a')).toMatchObject({ status: 200 });
  });
});

describe('the listener with credentials', () => {
  const authorization = `Basic ${Buffer.from('ops:hunter2').toString('base64')}`;

  it('asks for them before it looks at method or path, and without making the application', async () => {
    const load = jest.fn(() => Promise.resolve(application));
    await listen(load, { credentialsHash: CREDENTIALS });
    for (const [path, method] of [
      ['/debug/pprof/', 'GET'],
      ['/debug/pprof', 'GET'],
      ['/debug/pprof/heap', 'DELETE'],
      ['/nothing', 'HEAD'],
    ] as const) {
      const { status, headers } = await ask(path, { method });
      expect([status, headers['www-authenticate'], headers['x-go-pprof']]).toEqual([
        401,
        expect.stringMatching(/^Basic realm="/),
        '1',
      ]);
    }
    expect(load).not.toHaveBeenCalled();
  });

  it('lets a request pass that has them', async () => {
    await listen(undefined, { credentialsHash: CREDENTIALS });
    expect(await ask('/debug/pprof/heap', { headers: { authorization } })).toMatchObject({ status: 200 });
  });
});
