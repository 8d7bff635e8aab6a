import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConnectionLimit } from './connection.limit.js';

const MAX = 3;

let server: Server;
let sockets: Socket[];
/** Requests that wait for the test to answer them. */
let waiting: ServerResponse[];
let onRequest: () => void;

beforeEach(async () => {
  sockets = [];
  waiting = [];
  onRequest = () => undefined;
  const limit = new ConnectionLimit(MAX);
  server = createServer((request, response) => {
    limit.onRequest(request, response);
    waiting.push(response);
    onRequest();
  });
  server.on('connection', (socket: Socket) => limit.onConnection(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  sockets.forEach((socket) => socket.destroy());
  server.close();
});

/** A client that counts as one, once the server has seen it. */
async function open(): Promise<Socket> {
  const seen = once(server, 'connection');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  // Whoever does not read never hears of the end.
  socket.resume();
  sockets.push(socket);
  await seen;
  return socket;
}

async function ask(
  socket: Socket,
  text = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
): Promise<ServerResponse> {
  const arrived = new Promise<void>((resolve) => (onRequest = resolve));
  socket.write(text);
  await arrived;
  return waiting.at(-1)!;
}

describe('ConnectionLimit', () => {
  it('has the connection that has been idle for longest give way to a new one', async () => {
    const first = await open();
    const closed = once(first, 'close');
    await open();
    await open();
    const last = await open();
    await closed;
    expect((await ask(last)).writable).toBe(true);
  });

  it('does not cut off one that waits for its answer', async () => {
    const first = await open();
    const response = await ask(first);
    const second = await open();
    const closed = once(second, 'close');
    await open();
    await open();
    await closed;
    const answer = once(first, 'data');
    response.end('late');
    expect(String(await answer)).toContain('late');
  });

  it('lets a new one in while all wait for an answer, up to twice as many', async () => {
    for (let index = 0; index < 2 * MAX; index++) {
      const response = await ask(await open());
      expect(response.writable).toBe(true);
    }
    const refused = await open();
    if (!refused.closed) {
      await once(refused, 'close');
    }
    expect(sockets.slice(0, 2 * MAX).filter(({ closed }) => closed)).toEqual([]);
  });

  it('takes one whose answer is out for idle again, and for the latest', async () => {
    const first = await open();
    const response = await ask(first);
    const second = await open();
    await open();
    const done = once(response, 'close');
    response.end();
    await done;
    const closed = once(second, 'close');
    await open();
    await closed;
    expect(first.closed).toBe(false);
  });

  it('takes one whose body trickles for idle', async () => {
    const first = await open();
    await ask(first, 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nslow');
    const closed = once(first, 'close');
    await open();
    await open();
    await open();
    await closed;
  });

  it('does not count what is closed', async () => {
    for (let index = 0; index < 3 * MAX; index++) {
      const socket = await open();
      if (index < 2 * MAX) {
        socket.destroy();
        await once(socket, 'close');
      }
    }
    expect(sockets.slice(2 * MAX).map(({ closed }) => closed)).toEqual([false, false, false]);
  });

  it('closes the connection of a client that sends requests without waiting for answers', async () => {
    const socket = await open();
    const closed = once(socket, 'close');
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(50));
    await closed;
  });
});
