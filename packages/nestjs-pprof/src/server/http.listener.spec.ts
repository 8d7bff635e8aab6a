import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
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
): Promise<void> {
  server = createProfilingServer(load);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

function ask(path: string, { method = 'GET', headers = {} } = {}): Promise<Answer> {
  const { port } = server!.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
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
