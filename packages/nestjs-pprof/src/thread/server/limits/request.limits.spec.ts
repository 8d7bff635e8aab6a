import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { MAX_BODY, skipBody } from '../pages/process.controller.js';
import { hasBody } from './connection.limit.js';

const open: Array<{ server: Server; client: Socket }> = [];
let server: Server | undefined;
let client: Socket | undefined;

afterEach(() => {
  for (const each of open.splice(0)) {
    each.client.destroy();
    each.server.closeAllConnections();
    each.server.close();
  }
});

/** Sends the text to a server with this listener; the client reads nothing before it is told to. */
async function send(text: string, listener: RequestListener): Promise<Socket> {
  server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  open.push({ server, client });
  client.on('error', () => undefined);
  client.write(text);
  return client;
}

describe('skipBody', () => {
  function post(headers: string, body: string): Promise<unknown> {
    return new Promise((resolve) => {
      void send(`POST / HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n\r\n${body}`, (request) => {
        skipBody(request).then(() => resolve('read'), resolve);
      });
    });
  }

  it('reads a body of usual size to its end', async () => {
    expect(await post('Content-Length: 5', '0x1+2')).toBe('read');
    expect(await post('Transfer-Encoding: chunked', '3\r\n0x1\r\n0\r\n\r\n')).toBe('read');
  });

  it('refuses a larger one before its end', async () => {
    const body = 'x'.repeat(MAX_BODY + 1);
    expect(await post('Content-Length: 999999999', body)).toMatchObject({ status: 413 });
  });

  it('rejects where the client goes away', async () => {
    const rejected = post('Content-Length: 10', 'half');
    await once(server!, 'request');
    client!.destroy();
    expect(await rejected).toMatchObject({ code: 'ECONNRESET' });
  });
});

describe('hasBody', () => {
  it.each([
    [{}, false],
    [{ 'content-length': '0' }, false],
    [{ 'content-length': '5' }, true],
    [{ 'transfer-encoding': 'chunked' }, true],
  ])('of %j is %p', (headers, expected) => {
    expect(hasBody({ headers } as IncomingMessage)).toBe(expected);
  });
});
