import { createServer, type IncomingHttpHeaders, request, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Readable } from 'node:stream';
import { redirect, sendError, sendRecording, sendText, setCommonHeaders } from './http.response.js';

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

/** What a client gets where a server answers like this; rejects where the connection breaks off. */
async function answerOf(respond: (response: ServerResponse) => void, method = 'GET'): Promise<Answer> {
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

  it('sends text to be shown and not saved', async () => {
    const { headers, text } = await answerOf(
      (response) => void sendRecording(response, { as: 'text' }, 'größe'),
    );
    expect(text).toBe('größe');
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(headers).not.toHaveProperty('content-disposition');
  });

  it('sends the headers alone in answer to HEAD', async () => {
    const { headers, text } = await answerOf(
      (response) => void sendRecording(response, file('heap'), Buffer.from('x')),
      'HEAD',
    );
    expect(text).toBe('');
    expect(headers['content-disposition']).toBe('attachment; filename="heap"');
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

  it('destroys the stream where the client leaves', async () => {
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

describe('redirect', () => {
  it('sends a location as it is, relative ones too', async () => {
    const { status, headers } = await answerOf((response) => redirect(response, 'ui/'));
    expect([status, headers.location]).toEqual([301, 'ui/']);
  });
});

describe('sendError', () => {
  it('answers with both headers that make go tool pprof show the text', async () => {
    const { status, headers, text } = await answerOf((response) =>
      sendError(response, { status: 404, message: 'Unknown profile' }),
    );
    expect({ status, text }).toEqual({ status: 404, text: 'Unknown profile\n' });
    expect(headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'x-go-pprof': '1' });
  });

  it('makes one line of the text, as go tool pprof shows one', async () => {
    const { text } = await answerOf((response) =>
      sendError(response, { status: 500, message: '\n first\r\n\tsecond\u2028third  \n' }),
    );
    expect(text).toBe('first second third\n');
  });

  it('takes back that the answer is a file', async () => {
    const { headers } = await answerOf((response) => {
      response.setHeader('Content-Disposition', 'attachment; filename="profile"');
      response.setHeader('Content-Type', 'application/octet-stream');
      sendError(response, { status: 500, message: 'failed' });
    });
    expect(headers).not.toHaveProperty('content-disposition');
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
  });

  it('adds the headers of the error, which cannot replace its own', async () => {
    const { headers } = await answerOf((response) =>
      sendError(response, {
        status: 429,
        message: 'later',
        headers: { 'Retry-After': '5', 'Content-Type': 'text/html' },
      }),
    );
    expect(headers).toMatchObject({ 'retry-after': '5', 'content-type': 'text/plain; charset=utf-8' });
  });

  it('breaks the connection off once the headers are out: half a profile must not look whole', async () => {
    const answer = answerOf((response) => {
      response.write('half a profile', () => sendError(response, { status: 500, message: 'failed' }));
    });
    await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});
