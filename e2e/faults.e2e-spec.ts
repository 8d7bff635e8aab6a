import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { IS_EXHAUSTIVE, rowsOf } from '../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import type { AppProcess } from './support/app.process.js';
import { profilerOf, startFixture } from './support/fixture.app.js';
import { request, served } from './support/http.request.js';
import { takeProfile } from './support/pprof.profile.js';
import { RawConnection } from './support/raw.connection.js';

let app: AppProcess;
let url: string;
/** `threadId` of the profiling thread: another one would mean that it crashed and was started again. */
let thread: number;

beforeAll(async () => {
  app = startFixture('http');
  url = await profilerOf(app);
  thread = await app.call<number>('profilingThread');
});

afterAll(async () => {
  // Nothing of all this has been heard of in the application.
  expect(app.complaints).toEqual([]);
  expect(app.output).not.toMatch(/unhandled|Error:/i);
  await app.kill();
});

async function expectItAnswers(): Promise<void> {
  expect((await request(`${url}/debug/pprof/`)).status).toBe(200);
  const { headers } = await served(`${url}/debug/pprof/goroutine`);
  expect(headers['content-type']).toBe('application/octet-stream');
  expect(await app.call('profilingThread')).toBe(thread);
}

/** More than the listener keeps. */
const CROWD = 300;

async function crowd(): Promise<RawConnection[]> {
  return Promise.all(Array.from({ length: CROWD }, () => RawConnection.open(url)));
}

function disconnect(connections: readonly RawConnection[]): void {
  connections.forEach((connection) => connection.destroy());
}

describe(`${CROWD} connections`, () => {
  const WAYS = [
    { name: 'that send nothing', bytes: '' },
    {
      name: 'that never finish their headers',
      bytes: 'GET /debug/pprof/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ',
    },
    {
      name: 'that never finish their body',
      bytes: 'POST /debug/pprof/symbol HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n0x1',
    },
    {
      name: 'that never finish a body of unknown length',
      bytes:
        'POST /debug/pprof/symbol HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n0x1\r\n',
    },
    {
      name: 'that have their answer and stay',
      bytes: 'GET /debug/pprof/cmdline HTTP/1.1\r\nHost: localhost\r\n\r\n',
    },
  ];
  const isEssential = ({ name }: { readonly name: string }) => /their headers|and stay/.test(name);

  it.each(rowsOf('the operator gets in beside those', WAYS, isEssential))(
    '$name: the operator gets in, meanwhile and afterwards',
    async ({ bytes }) => {
      const connections = await crowd();
      connections.forEach((connection) => connection.send(bytes));
      await expectItAnswers();
      // One byte after the other, all the time that the operator is there.
      const trickle = setInterval(() => connections.forEach((connection) => connection.send('x')), 50);
      try {
        const profile = await takeProfile(`${url}/debug/pprof/profile?seconds=1`);
        expect(profile.durationMillis).toBeGreaterThan(0);
      } finally {
        clearInterval(trickle);
      }
      disconnect(connections);
      await expectItAnswers();
    },
  );

  it('that flood it with requests: the operator gets in, meanwhile and afterwards', async () => {
    const connections = await crowd();
    let flooding = true;
    const text = 'GET /debug/pprof/cmdline HTTP/1.1\r\nHost: localhost\r\n\r\n';
    connections.forEach((connection) => {
      connection.send(text);
      connection.socket.on('data', () => flooding && connection.send(text));
    });
    try {
      await expectItAnswers();
    } finally {
      flooding = false;
      disconnect(connections);
    }
    await expectItAnswers();
  });
});

describe('a client that does not finish', () => {
  it('is told so after a while, and its connection closed', async () => {
    const connection = await RawConnection.open(url);
    connection.send('GET /debug/pprof/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    await connection.closed;
    expect(connection.received).toMatch(/^HTTP\/1.1 408 /);
    expect(connection.received).toContain('X-Go-Pprof: 1');
  });
});

describe('a body that is too large', () => {
  it.each([
    ['of known length', 'Content-Length: 9000000', 'x'.repeat(100_000)],
    ['of unknown length', 'Transfer-Encoding: chunked', `186a0\r\n${'x'.repeat(100_000)}\r\n`],
  ])('is refused, and not read to its end: %s', async (_, header, part) => {
    const connection = await RawConnection.open(url);
    connection.send(`POST /debug/pprof/symbol HTTP/1.1\r\nHost: localhost\r\n${header}\r\n\r\n`);
    for (let sent = 0; sent < 2_000_000 && !connection.isClosed; sent += part.length) {
      connection.send(part);
    }
    await connection.closed;
    // The reset may overtake the answer.
    expect(connection.received).toMatch(/^(HTTP\/1.1 413 |$)/);
    await expectItAnswers();
  });

  it('of usual size is answered', async () => {
    const body = Array.from({ length: 20_000 }, (_, index) => `0x${index.toString(16)}`).join('+');
    const { status, text } = await request(`${url}/debug/pprof/symbol`, { method: 'POST', body });
    expect({ status, text }).toEqual({ status: 200, text: 'num_symbols: 1\n' });
  });
});

describe('malformed requests', () => {
  it.each([
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['another protocol', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['an unknown method', 'BREW /debug/pprof/ HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
    [
      'two lengths',
      'GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      400,
    ],
    [
      'an address of 64 KiB',
      `GET /debug/pprof/${'a'.repeat(65_536)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      431,
    ],
    [
      'headers of 64 KiB',
      `GET /debug/pprof/ HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(65_536)}\r\n\r\n`,
      431,
    ],
  ])('%s', async (_, bytes, status) => {
    const connection = await RawConnection.open(url);
    connection.send(Buffer.from(bytes, 'latin1'));
    await connection.closed;
    const [head = '', body] = connection.received.split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head.split('\r\n')).toEqual(
      expect.arrayContaining([
        'Content-Type: text/plain; charset=utf-8',
        'X-Go-Pprof: 1',
        'X-Content-Type-Options: nosniff',
        'Cache-Control: no-store',
        'Connection: close',
      ]),
    );
    expect(body).toMatch(/^[^\n]+\n$/);
  });

  it('of any kind leave the profiling thread as it was', async () => {
    await fc.assert(
      fc.asyncProperty(
        requestBytes,
        fc.array(fc.nat({ max: 400 }), { maxLength: 3 }),
        async (bytes, cuts) => {
          const connection = await RawConnection.open(url);
          // In pieces, as the network may bring them.
          let from = 0;
          for (const cut of [...cuts].sort((a, b) => a - b)) {
            connection.send(bytes.subarray(from, Math.max(from, cut)));
            from = Math.max(from, cut);
            await new Promise((resolve) => setImmediate(resolve));
          }
          connection.send(bytes.subarray(from));
          connection.socket.end();
          // Answered or not: it ends.
          await connection.closed;
          return (
            connection.received === '' ||
            /^HTTP\/1\.1 (100|200|301|40[0-9]|413|417|431|50[0-9]) /.test(connection.received)
          );
        },
      ),
      { numRuns: IS_EXHAUSTIVE ? 800 : 100, seed: 6060, endOnFailure: true },
    );
    await expectItAnswers();
  });
});

/** Requests that are nearly right, so that they get beyond the parser, with bytes changed. */
const requestBytes = fc
  .record({
    method: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('GET', 'HEAD', 'POST', 'OPTIONS', 'CONNECT', 'TRACE', 'PRI') },
      fc.string({ maxLength: 8 }),
    ),
    path: fc.oneof(
      fc.constantFrom(
        '/debug/pprof/',
        '/debug/pprof/symbol',
        '/debug/pprof/heap?debug=1',
        '/debug/pprof/profile?seconds=1e9',
        '/debug/pprof/%',
        '/debug/pprof/%00?%=%&__proto__=1&seconds[]=1',
        '/debug/pprof/..%2f..%2fetc/passwd',
        '//debug/pprof//',
        'http://localhost/debug/pprof/',
        '*',
      ),
      fc.string({ unit: 'binary', maxLength: 60 }).map((text) => `/debug/pprof/${text}`),
    ),
    version: fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', ''),
    headers: fc.array(
      fc.tuple(
        fc.constantFrom(
          'Host',
          'Content-Length',
          'Transfer-Encoding',
          'Connection',
          'Expect',
          'Upgrade',
          'Origin',
          'X',
        ),
        fc.oneof(
          fc.constantFrom(
            'localhost',
            '0',
            '5',
            '-1',
            '99999999999999999999',
            'chunked',
            'identity',
            'close',
          ),
          fc.constantFrom('keep-alive', 'upgrade', '100-continue', 'websocket', 'h2c', 'null'),
          fc.string({ unit: 'binary', maxLength: 40 }),
        ),
      ),
      { maxLength: 6 },
    ),
    body: fc.oneof(
      fc.constant(''),
      fc.constant('5\r\nhello\r\n0\r\n\r\n'),
      fc.string({ unit: 'binary', maxLength: 80 }),
    ),
    newline: fc.constantFrom('\r\n', '\n', '\r'),
    damage: fc.array(fc.tuple(fc.nat({ max: 300 }), fc.nat({ max: 255 })), { maxLength: 3 }),
  })
  .map(({ method, path, version, headers, body, newline, damage }) => {
    const lines = [
      `${method} ${path} ${version}`,
      'Host: localhost',
      ...headers.map(([name, value]) => `${name}: ${value}`),
    ];
    const bytes = Buffer.from(`${lines.join(newline)}${newline}${newline}${body}`);
    for (const [at, byte] of damage) {
      bytes[at % bytes.length] = byte;
    }
    return bytes;
  });
