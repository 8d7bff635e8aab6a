import { createServer, type IncomingHttpHeaders, request, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Readable } from 'node:stream';
import { PprofError } from '../../shared/pprof.error.js';
import {
  redirect,
  sendError,
  sendPage,
  sendRecording,
  sendRecordingHead,
  sendText,
  setCommonHeaders,
} from './http.response.js';

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

/** What a client gets where a server answers like this; rejects where the connection breaks off. */
async function answerOf(respond: (response: ServerResponse) => void, method = 'GET'): Promise<Answer> {
  close();
  server = createServer((_, response) => respond(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      );
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('setCommonHeaders', () => {
  it('forbids sniffing, caching and use by other origins, and allows no origin', async () => {
    const { headers } = await answerOf((response) => {
      setCommonHeaders(response);
      response.end();
    });
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });
});

describe('sendText', () => {
  it('sends UTF-8 text with its length in bytes, to be shown and not saved', async () => {
    const { status, headers, text } = await answerOf((response) => sendText(response, 'größe\n'));
    expect({ status, text }).toEqual({ status: 200, text: 'größe\n' });
    expect(headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'content-length': '8' });
    expect(headers).not.toHaveProperty('content-disposition');
    expect(headers).not.toHaveProperty('x-go-pprof');
  });

  it('takes another content type', async () => {
    const { headers } = await answerOf((response) => sendText(response, '{}', 'application/json'));
    expect(headers['content-type']).toBe('application/json');
  });
});

describe('sendRecording', () => {
  const file = (fileName: string) => ({ as: 'file', fileName }) as const;

  it('sends bytes under a file name, and not as gzipped content: a profile is gzipped itself', async () => {
    const { headers, text } = await answerOf(
      (response) => void sendRecording(response, file('heap-delta'), Buffer.from('x')),
    );
    expect(text).toBe('x');
    expect(headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': 'attachment; filename="heap-delta"',
      'content-length': '1',
    });
    expect(headers).not.toHaveProperty('content-encoding');
  });

  it('says beside it what the viewers of a format do not show, in ASCII', async () => {
    const body = { bytes: Buffer.from('{}'), comments: ['no source map of /app/größe.js', 'x'.repeat(5000)] };
    const { headers, text } = await answerOf(
      (response) => void sendRecording(response, file('profile.cpuprofile'), body),
    );
    expect([text, headers['content-length']]).toEqual(['{}', '2']);
    expect(headers['x-pprof-comments']).toMatch(/^no source map of \/app\/gr\?\?e\.js; x{1900,}$/);
  });

  it('sends text to be shown and not saved', async () => {
    const { headers, text } = await answerOf(
      (response) => void sendRecording(response, { as: 'text' }, 'größe'),
    );
    expect(text).toBe('größe');
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(headers).not.toHaveProperty('content-disposition');
  });

  it('answers HEAD without a length, as nobody knows that of GET', async () => {
    const { headers, text } = await answerOf((response) => sendRecordingHead(response, file('heap')), 'HEAD');
    expect(text).toBe('');
    expect(headers['content-disposition']).toBe('attachment; filename="heap"');
    expect(headers).not.toHaveProperty('content-length');
    expect(headers).not.toHaveProperty('transfer-encoding');
  });

  it('answers HEAD with the length of GET where the body is there, also of a large one', async () => {
    const respond = (response: ServerResponse) =>
      void sendRecording(response, file('heap'), Buffer.alloc(1_000_000));
    const [get, head] = [await answerOf(respond), await answerOf(respond, 'HEAD')];
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
    expect([get.text.length, head.text]).toEqual([1_000_000, '']);
  });

  it('sends a stream, with the length that it will have', async () => {
    const body = { size: 6, stream: Readable.from([Buffer.from('abc'), Buffer.from('def')]) };
    const { headers, text } = await answerOf(
      (response) => void sendRecording(response, file('trace.json'), body),
    );
    expect([text, headers['content-length']]).toEqual(['abcdef', '6']);
  });

  it('cuts the connection where the stream fails: half an answer must not look like a whole one', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield Buffer.from('abc');
      throw new Error('disk full');
    }
    const failures: unknown[] = [];
    const answer = answerOf((response) => {
      const body = { size: 6, stream: Readable.from(failing()) };
      sendRecording(response, file('heap.heapsnapshot'), body).catch((error: unknown) =>
        failures.push(error),
      );
    });
    await expect(answer).rejects.toThrow();
    expect(failures).toEqual([new Error('disk full')]);
  });

  it('destroys the stream where the client disconnects', async () => {
    const stream = new Readable({ read() {} });
    const closed = new Promise((resolve) => stream.once('close', resolve));
    const answer = answerOf((response) => {
      sendRecording(response, file('heap.heapsnapshot'), { size: 6, stream }).catch(() => undefined);
      stream.push('abc');
      setImmediate(() => response.socket?.destroy());
    });
    await expect(answer).rejects.toThrow();
    await closed;
  });
});

/** Of a server with this listener; it reads nothing. */
async function ignoringClientOf(respond: (response: ServerResponse) => void, requests = 1): Promise<Socket> {
  close();
  server = createServer((_, response) => respond(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => undefined);
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(requests));
  return client;
}

/** A clock of its own: without a processor for a while, a client would not read either. */
const OWN_CLOCK: Parameters<typeof jest.useFakeTimers>[0] = {
  doNotFake: ['nextTick', 'setImmediate', 'clearImmediate', 'queueMicrotask'],
};

describe('an answer that is not read', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  const file = { as: 'file', fileName: 'x' } as const;
  const SIZE = 50_000_000;
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let sent = 0; sent < SIZE; sent += 1_000_000) {
      yield Buffer.alloc(1_000_000);
    }
  }

  it.each([
    ['of bytes', () => Buffer.alloc(SIZE)],
    ['of a stream', () => ({ size: SIZE, stream: Readable.from(chunks()) })],
  ])('%s is given up, and its connection closed', async (_, bodyOf) => {
    const body = bodyOf();
    let sending: Promise<void> | undefined;
    const closed = new Promise<void>((resolve) => {
      void ignoringClientOf((response) => {
        response.once('close', resolve);
        sending = sendRecording(response, file, body, 50);
        sending.catch(() => undefined);
      });
    });
    await closed;
    await expect(sending).rejects.toThrow();
    if (!Buffer.isBuffer(body)) {
      expect(body.stream.destroyed).toBe(true);
    }
  });

  it('is given up all the same where its client sends something meanwhile', async () => {
    let client: Promise<Socket>;
    const closed = new Promise<void>((resolve) => {
      client = ignoringClientOf((response) => {
        response.once('close', resolve);
        sendRecording(response, file, Buffer.alloc(SIZE), 50).catch(() => undefined);
      });
    });
    const sender = await client!;
    const trickle = setInterval(() => sender.write('G'), 10);
    await closed;
    clearInterval(trickle);
  });

  it('may take as long as it takes where it is read slowly', async () => {
    jest.useFakeTimers(OWN_CLOCK);
    const LIMIT = 400;
    const start = Date.now();
    const client = await ignoringClientOf((response) => {
      sendRecording(response, file, Buffer.alloc(SIZE), LIMIT).catch(() => undefined);
    });
    await new Promise<void>((resolve, reject) => {
      client.once('close', () => reject(new Error(`given up after ${client.bytesRead} bytes`)));
      client.on('data', () => {
        if (client.bytesRead >= SIZE) {
          resolve();
        }
        // 64 KiB at most; up to some 10 MB may be in buffers on the way, of which the server sees nothing.
        jest.advanceTimersByTime(1);
        client.pause();
        setImmediate(() => client.resume());
      });
    });
    client.destroy();
    expect(Date.now() - start).toBeGreaterThan(1.5 * LIMIT);
  });

  it('has no limit before its turn has come, where several were asked for at once', async () => {
    let client: Promise<Socket>;
    const responses: ServerResponse[] = [];
    const both = new Promise<void>((resolve) => {
      client = ignoringClientOf((response) => {
        responses.push(response);
        if (responses.length === 2) {
          resolve();
        }
      }, 2);
    });
    await both;
    (await client!).resume();
    const [first, second] = responses;
    jest.useFakeTimers(OWN_CLOCK);
    const sent = sendRecording(second!, file, Buffer.alloc(1_000_000), 50);
    jest.advanceTimersByTime(200);
    await new Promise((resolve) => setImmediate(resolve));
    expect(second!.destroyed).toBe(false);
    sendText(first!, 'first');
    await sent;
  });
});

describe('an answer whose client disconnects', () => {
  it.each([
    ['page', (response: ServerResponse) => sendPage(response, Buffer.alloc(50_000_000), 'text/html', '')],
    ['text', (response: ServerResponse) => sendText(response, 'x'.repeat(50_000_000))],
    ['error', (response: ServerResponse) => sendError(response, new Error('x'.repeat(50_000_000)))],
  ])('fails for nobody, as a %s', async (_, send) => {
    const failures: unknown[] = [];
    const onFailure = (reason: unknown) => failures.push(reason);
    process.on('unhandledRejection', onFailure);
    try {
      let client: Promise<Socket>;
      const closed = new Promise<void>((resolve) => {
        client = ignoringClientOf((response) => {
          response.once('close', resolve);
          send(response);
          client.then((socket) => socket.destroy());
        });
      });
      await closed;
      await new Promise((resolve) => setTimeout(resolve));
      expect(failures).toEqual([]);
    } finally {
      process.off('unhandledRejection', onFailure);
    }
  });

  it('is given up also where its turn has not come: its stream is closed', async () => {
    let client: Promise<Socket>;
    const responses: ServerResponse[] = [];
    const both = new Promise<void>((resolve) => {
      client = ignoringClientOf((response) => {
        if (responses.push(response) === 2) {
          resolve();
        }
      }, 2);
    });
    await both;
    const stream = Readable.from([Buffer.alloc(1)]);
    const sent = sendRecording(responses[1]!, { as: 'file', fileName: 'x' }, { size: 1_000_000, stream });
    (await client!).destroy();
    await expect(sent).rejects.toThrow();
    expect(stream.destroyed).toBe(true);
  });
});

describe('sendPage', () => {
  it('has nothing loaded or framed but what is named, and shares no window', async () => {
    const { headers } = await answerOf((response) =>
      sendPage(response, Buffer.from('x'), 'text/html', "style-src 'self'"),
    );
    expect(headers).toMatchObject({
      'content-type': 'text/html',
      'content-security-policy':
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      'cross-origin-opener-policy': 'same-origin',
    });
  });
});

describe('redirect', () => {
  it('sends a location as it is, relative ones too', async () => {
    const { status, headers } = await answerOf((response) => redirect(response, 'ui/'));
    expect([status, headers.location]).toEqual([301, 'ui/']);
  });
});

describe('sendError', () => {
  it('answers with both headers that make go tool pprof show the text', async () => {
    const { status, headers, text } = await answerOf((response) =>
      sendError(response, new PprofError(404, 'Unknown profile')),
    );
    expect({ status, text }).toEqual({ status: 404, text: 'Unknown profile\n' });
    expect(headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'x-go-pprof': '1' });
  });

  it('makes one line of the text, as go tool pprof shows one', async () => {
    const { text } = await answerOf((response) =>
      sendError(response, new Error('\n first\r\n\tsecond\u2028third  \n')),
    );
    expect(text).toBe('first second third\n');
  });

  it('takes back that the answer is a file', async () => {
    const { headers } = await answerOf((response) => {
      response.setHeader('Content-Disposition', 'attachment; filename="profile"');
      response.setHeader('Content-Type', 'application/octet-stream');
      sendError(response, new Error('failed'));
    });
    expect(headers).not.toHaveProperty('content-disposition');
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
  });

  it('adds the headers of the error, which cannot replace its own', async () => {
    const { headers } = await answerOf((response) =>
      sendError(
        response,
        new PprofError(429, 'later', { headers: { 'Retry-After': '5', 'Content-Type': 'text/html' } }),
      ),
    );
    expect(headers).toMatchObject({ 'retry-after': '5', 'content-type': 'text/plain; charset=utf-8' });
  });

  it('breaks the connection off once the headers are out: half a profile must not look whole', async () => {
    const answer = answerOf((response) => {
      response.write('half a profile', () => sendError(response, new Error('failed')));
    });
    await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});
