import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { ThreadData } from '../../shared/thread.protocol.js';
import { createAccessControl } from './access/access.control.js';
import { createProfilingServer } from './http.listener.js';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

const application: RequestListener = (incoming, response) => response.end(`application: ${incoming.url}`);

async function listen(
  load: () => Promise<RequestListener> = () => Promise.resolve(application),
  access: Partial<Pick<ThreadData, 'allowedHosts' | 'credentialsHash'>> = {},
): Promise<void> {
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
  const { port } = server!.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  socket.end([...lines, 'Connection: close', '', ''].join('\r\n'));
  return readText(socket);
}

describe('the listener, asked in unusual ways', () => {
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

  it('serves nothing to CONNECT', async () => {
    await listen();
    expect(await sendRaw('CONNECT localhost:6060 HTTP/1.1', 'Host: localhost:6060')).not.toContain('200');
  });
});

describe('the listener with credentials', () => {
  const credentialsHash = createHash('sha256').update('ops:hunter2').digest('hex');
  const authorization = `Basic ${Buffer.from('ops:hunter2').toString('base64')}`;

  it('asks for them before it looks at method or path, and without making the application', async () => {
    const load = jest.fn(() => Promise.resolve(application));
    await listen(load, { credentialsHash });
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
    await listen(undefined, { credentialsHash });
    expect(await ask('/debug/pprof/heap', { headers: { authorization } })).toMatchObject({ status: 200 });
  });
});
