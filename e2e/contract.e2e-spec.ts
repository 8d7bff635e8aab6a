import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { addressesOf, brokenRules, readPprof } from '../packages/nestjs-pprof/test-fixtures/pprof-rules.js';
import type { Body, ContractRow } from './contract/contract.row.js';
import { GROUPS } from './contract/contract.rows.js';
import type { Given } from './contract/row.group.js';
import { AppProcess } from './support/app.process.js';
import { profilerOf } from './support/fixture.app.js';
import { onceServed, request, requestUntil, type Response, served } from './support/http.request.js';
import { exchange, HttpConnection } from './support/http.connection.js';
import { temporaryDirectory } from './support/temporary.directory.js';
import { brokenTraceRules, type TraceFile } from './support/trace-event.format.js';

// Asks what the rows of the table in contract/contract.rows.ts ask, byte by byte, and checks status, headers and body.

const APP = fileURLToPath(new URL('contract/fixtures/contract.app.mjs', import.meta.url));

const OPTIONS = { maxCaptures: 64, block: { watch: true } };

/** Fewer than there may be captures, for those that a test asks for by itself. */
const AT_A_TIME = 12;

let app: AppProcess;
let origin: string;

beforeAll(async () => {
  app = new AppProcess(APP, {
    args: ['--db-password=hunter2', '--api-token', 's3cret'],
    env: { PPROF_OPTIONS: JSON.stringify(OPTIONS) },
  });
  origin = await profilerOf(app);
});

/** Brings the application into a state, and gives back what ends that. */
const GIVEN: Readonly<Record<Given, () => Promise<() => Promise<unknown>>>> = {
  'nothing else': async () => async () => undefined,
  'another profiler': async () => {
    await app.call('holdSampler');
    return () => app.call('releaseSampler');
  },
  'all slots taken': async () => {
    const captures = await Promise.all(
      Array.from({ length: OPTIONS.maxCaptures }, async () => {
        const connection = await HttpConnection.open(origin);
        connection.write('GET /debug/pprof/threadcreate?seconds=300 HTTP/1.1\r\nHost: localhost\r\n\r\n');
        return connection;
      }),
    );
    const another = `${origin}/debug/pprof/threadcreate?seconds=1`;
    await requestUntil(another, ({ status }) => status === 429);
    return async () => {
      captures.forEach((connection) => connection.disconnect());
      // A slot is taken for a second at least, whether its client is still there or not.
      await requestUntil(another, ({ status }) => status === 200);
    };
  },
  'a native call': async () => {
    const fifo = join(await temporaryDirectory('fifo-'), 'fifo');
    execFileSync('mkfifo', [fifo]);
    const over = app.call('callNatively', fifo);
    await app.printed(/^Calling natively$/m);
    return async () => {
      await writeFile(fifo, 'the end');
      await over;
    };
  },
};

/** The bytes of a request, each as it is in the row. */
function bytesOf({ ask, headers = {}, send = '' }: ContractRow): Buffer {
  const all: Record<string, string> = {
    Host: 'localhost:6060',
    ...headers,
    ...(send ? { 'Content-Length': String(Buffer.byteLength(send)) } : {}),
    Connection: 'close',
  };
  const lines = [
    ask.includes(' ') ? `${ask} HTTP/1.1` : ask,
    ...Object.entries(all).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${send}`, 'latin1');
}

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

function expectBody(response: Response, expected: Body): void {
  const { body, text, headers } = response;
  if (expected.is !== 'empty' && headers['content-length'] !== undefined) {
    expect(body).toHaveLength(Number(headers['content-length']));
  }
  switch (expected.is) {
    case 'empty':
      return expect(body).toHaveLength(0);
    case 'text':
      return expect(text).toMatch(expected.pattern);
    case 'error':
      expect(text).toMatch(/^[^\n]+\n$/);
      return typeof expected.text === 'string'
        ? expect(text).toBe(`${expected.text}\n`)
        : expect(text).toMatch(expected.text);
    case 'json':
      return expect(Object.keys(JSON.parse(text) as object)).toEqual(
        expect.arrayContaining([...expected.keys]),
      );
    case 'trace':
      return expect(brokenTraceRules(JSON.parse(text) as TraceFile)).toEqual([]);
    case 'pprof': {
      const { sampleTypes, periodType, timed } = expected;
      expect(brokenRules(body, { timed })).toEqual([]);
      expect(readPprof(body)).toMatchObject({ sampleTypes, periodType });
    }
  }
}

/** What cannot be had twice at a time: a trace, and the heap sampler. */
const ALONE = [/\/trace/, /\/(heap|allocs)\b.*seconds=/];

/** Asks what the rows ask, most of it at the same time: they wait for windows of a second. */
function askAll(rows: readonly ContractRow[]): Map<ContractRow, Promise<Response>> {
  const ends = Array.from({ length: AT_A_TIME }, () => Promise.resolve<unknown>(undefined));
  return new Map(
    rows.map((row, index) => {
      const alone = ALONE.findIndex((pattern) => pattern.test(row.ask));
      const lane = alone === -1 ? ALONE.length + (index % (AT_A_TIME - ALONE.length)) : alone;
      const response = ends[lane]!.then(() => onceServed(() => exchange(origin, bytesOf(row))));
      ends[lane] = response.catch(() => undefined);
      return [row, response];
    }),
  );
}

describe.each(GROUPS)('$name', ({ given = 'nothing else', rows }) => {
  let end: (() => Promise<unknown>) | undefined;
  let responses: Map<ContractRow, Promise<Response>>;

  beforeAll(async () => {
    end = await GIVEN[given]();
    responses = askAll(rows);
    await Promise.allSettled(responses.values());
  });

  afterAll(() => end?.());

  it.each(rows.map((each) => [titleOf(each), each] as const))('%s', async (_title, each) => {
    const { status, headers, body } = each.answer;
    const response = await responses.get(each)!;
    expect({ status: response.status, text: response.status === status ? '' : response.text }).toEqual({
      status,
      text: '',
    });
    expectCommonHeaders(response);
    for (const [name, value] of Object.entries(headers)) {
      const actual = { [name]: response.headers[name] };
      expect(actual).toEqual({ [name]: value instanceof RegExp ? expect.stringMatching(value) : value });
    }
    expectBody(response, body);
  });
});

function titleOf({ ask, headers, answer }: ContractRow): string {
  const shortAsk = ask.length > 100 ? `${ask.slice(0, 60)}… (${ask.length} bytes)` : ask;
  const what = answer.body.is === 'text' ? ` ${String(answer.body.pattern).slice(0, 60)}` : '';
  return `${JSON.stringify(shortAsk)}${headers ? ` ${JSON.stringify(headers)}` : ''}: ${answer.status}${what}`;
}

/** https://github.com/golang/go/blob/master/src/net/http/pprof/pprof_test.go: there it is mutex, which is empty in Node. */
describe("Go's TestDeltaProfile", () => {
  const functionsIn = (body: Uint8Array) =>
    [...addressesOf(body).keys()].flatMap((position) => /hogFirst|hogSecond/.exec(position) ?? []);

  async function functionsOf(target: string): Promise<{ functions: Set<string>; durationNanos: number }> {
    const { body } = await served(`${origin}/debug/pprof/${target}`);
    return { functions: new Set(functionsIn(body)), durationNanos: readPprof(body).durationNanos };
  }

  it('a window has what was in it alone, and all of the time has both', async () => {
    // On a loaded machine a look at the blocked thread may come too late: then once more.
    do {
      await app.call('hogFirst');
    } while (!(await functionsOf('block')).functions.has('hogFirst'));
    await app.call('hogSecond', 500);
    let window;
    do {
      window = await functionsOf('block?seconds=1');
    } while (window.functions.size === 0);
    expect(window.functions).toEqual(new Set(['hogSecond']));
    expect(window.durationNanos).toBeGreaterThan(0);
    let all = await functionsOf('block');
    while (!all.functions.has('hogSecond')) {
      all = await functionsOf('block');
    }
    await app.call('stopHogging');
    expect(all.functions).toEqual(new Set(['hogFirst', 'hogSecond']));
    expect(all.durationNanos).toBe(0);
  });

  it('a window without a stack, after one without a stack, is a valid profile', async () => {
    const { body } = await served(`${origin}/debug/pprof/block?seconds=1&threshold=60000`);
    expect(brokenRules(body, { timed: true })).toEqual([]);
    expect(readPprof(body).samples).toEqual([]);
  });
});

describe('repeated parameters, relative links and times', () => {
  it('the first value counts', async () => {
    const { body } = await served(`${origin}/debug/pprof/profile?seconds=1&hz=50&hz=99999`);
    expect(readPprof(body).comments).toContain('sampling rate: 50 Hz');
    expect(readPprof(body).period).toBe(2e7);
  });

  it('the index links only relatively, but to other processes of the same program', async () => {
    const { text } = await request(`${origin}/debug/pprof/`);
    const links = [...text.matchAll(/href="([^"]*)"/g)].map(([, link]) => link!);
    expect(links.length).toBeGreaterThan(0);
    const absolute = links.filter((link) => /^([a-z]+:|\/)/.test(link));
    const others = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\]):\d+\/debug\/pprof\/$/;
    // The icon is nothing, so that no browser asks for one.
    expect(absolute.filter((link) => !others.test(link) && link !== 'data:,')).toEqual([]);
  });

  it('the viewer refers only to what is served beside it', async () => {
    const { text } = await request(`${origin}/debug/pprof/ui/`);
    const files = [...text.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, file]) => file!);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      expect(file).toMatch(/^[^/:]+$/);
      expect([file, (await request(`${origin}/debug/pprof/ui/${file}`)).status]).toEqual([file, 200]);
    }
  });

  it('a profile lasts as long as it was asked to, from when it was asked on', async () => {
    const before = Date.now();
    const profile = readPprof((await served(`${origin}/debug/pprof/profile?seconds=1`)).body);
    expect(profile.startedAt).toBeGreaterThanOrEqual(before - 1);
    expect(profile.durationNanos).toBeGreaterThanOrEqual(1e9);
  });
});
