import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, type Stats, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { itExhaustive, rowsOf } from '../../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { type AppProcess, killProcesses } from '../support/app.process.js';
import { curl, describeWithCurl } from '../support/curl.tool.js';
import { type FixtureOptions, startFixture } from '../support/fixture.app.js';
import { onceServed, openRequest, request } from '../support/http.request.js';
import { decodeProfile } from '../support/pprof.profile.js';
import { patience } from '../support/patience.js';
import { temporaryDirectory } from '../support/temporary.directory.js';

let directory: string;
let socketPath: string;

async function newDirectory(): Promise<void> {
  directory = await temporaryDirectory('sock-');
  socketPath = join(directory, 'pprof.sock');
}

/** A directory for each test, whose processes end with it. */
function eachByItself(): void {
  beforeEach(newDirectory);
  afterEach(killProcesses);
}

function start(args: string[] = [], options: FixtureOptions = {}): AppProcess {
  return startFixture('http', { socketPath, heap: false, ...options }, { args: ['express', ...args] });
}

async function startListening(...args: string[]): Promise<AppProcess> {
  const app = start(args);
  expect(await app.call('listening')).toMatchObject({ socketPath });
  return app;
}

const ask = (path: string) => request(`http://localhost${path}`, { socketPath });

// In this order: the last one ends the application.
describe('a unix socket', () => {
  let app: AppProcess;

  beforeAll(async () => {
    await newDirectory();
    app = start();
  });

  afterAll(killProcesses);

  it('serves profiles, and to no foreign host; address, status, log and index page name it', async () => {
    const address = { socketPath, url: 'http://localhost/debug/pprof/' };
    expect(await app.call('listening')).toEqual(address);
    expect(await app.call('address')).toEqual(address);
    expect(await app.call('status')).toEqual({ state: 'listening', address });
    await app.printed(
      new RegExp(`Profiling server listening on ${socketPath}: curl --unix-socket ${socketPath} `),
    );

    const index = await ask('/debug/pprof/');
    expect(index.text).toContain(`curl --unix-socket ${socketPath} `);
    expect(index.text).toContain(`ssh -L 6060:${socketPath} user@host`);
    const { body } = await onceServed(() => ask('/debug/pprof/profile?seconds=1'));
    expect(decodeProfile(body).sampleTypes).toHaveLength(3);

    // It has the guard of every listener.
    const response = await request('http://localhost/debug/pprof/', {
      socketPath,
      headers: { host: 'evil.com' },
    });
    expect(response.status).toBe(403);
  });

  it('is removed by PprofService.stop(), and made again by start()', async () => {
    await app.call('stop');
    expect(readdirSync(directory)).toEqual([]);
    // In Node 20, looking at a socket can break the loading of packages; see file.system.ts.
    expect(await app.call('canImport', 'pino')).toBe(true);
    expect(await app.call('start')).toMatchObject({ socketPath });
    expect((await ask('/debug/pprof/symbol')).status).toBe(200);
  });

  it('is removed by app.close(), also during a capture; nothing was warned of', async () => {
    const { cut } = openRequest('http://localhost/debug/pprof/profile?seconds=300', { socketPath });
    await app.until('samplerRuns', (runs) => runs === true);
    await app.call('close');
    expect(await cut).toMatchObject({ code: 'ECONNRESET' });
    expect(readdirSync(directory)).toEqual([]);
    expect(await app.exited).toEqual({ code: 0, signal: null });
    expect(app.complaints).toEqual([]);
  });
});

describe('the mode of a unix socket', () => {
  eachByItself();

  it('is for its user alone from the first moment on, whatever the umask', async () => {
    const umask = '--import=data:text/javascript,process.umask(0)';
    let app: AppProcess | undefined;
    do {
      await app?.kill();
      rmSync(socketPath, { force: true });
      app = startFixture('http', { socketPath, heap: false }, { execArgv: [umask] });
      // Nest's first words, before it knows of any module.
      await app.printed(/Starting Nest application/);
      // Once more where this process had to wait for a processor until it was there.
    } while (existsSync(socketPath));
    // Without a pause, so that the file is seen as it was when it got its name.
    let first: Stats | undefined;
    for (const deadline = Date.now() + patience(30_000); first === undefined && Date.now() < deadline;) {
      first = lstatSync(socketPath, { throwIfNoEntry: false });
    }
    await app.call('listening');
    const modes = [first, lstatSync(socketPath)].map((stats) => ((stats?.mode ?? 0) & 0o777).toString(8));
    expect(modes).toEqual(['600', '600']);
    expect(readdirSync(directory)).toEqual(['pprof.sock']);
  });
});

describe('the socket is removed', () => {
  eachByItself();

  itExhaustive('by SIGTERM with shutdown hooks', async () => {
    const app = await startListening('hooks');
    app.signal('SIGTERM');
    await app.exited;
    expect(readdirSync(directory)).toEqual([]);
  });

  it('by process.exit(), also during a capture', async () => {
    const app = await startListening();
    openRequest('http://localhost/debug/pprof/profile?seconds=300', { socketPath });
    await app.until('samplerRuns', (runs) => runs === true);
    app.call('exit', 7).catch(() => undefined);
    expect(await app.exited).toEqual({ code: 7, signal: null });
    expect(readdirSync(directory)).toEqual([]);
  });

  itExhaustive('by an uncaught exception', async () => {
    const app = await startListening();
    await app.call('throwUncaught');
    expect(await app.exited).toEqual({ code: 1, signal: null });
    expect(app.output).toContain('thrown by the test');
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('a socket that is in its place already', () => {
  eachByItself();

  // A signal that nobody handles ends the process before any code of ours could run.
  it.each(rowsOf('is replaced after', ['SIGTERM', 'SIGKILL'] as const, (signal) => signal === 'SIGKILL'))(
    'is replaced where its process was ended by %s, and left alone where it lives: one warning, both applications go on, and it is waited for',
    async (signal) => {
      const ended = await startListening();
      ended.signal(signal);
      expect(await ended.exited).toEqual({ code: null, signal });
      expect(readdirSync(directory)).toEqual(['pprof.sock']);
      const first = await startListening();
      expect((await ask('/debug/pprof/symbol')).status).toBe(200);
      expect(readdirSync(directory)).toEqual(['pprof.sock']);

      const second = start();
      expect(await second.call('listening')).toBeNull();
      expect(await second.call('status')).toMatchObject({
        state: 'waiting',
        reason: expect.stringMatching(/another process listens on .*pprof\.sock/),
      });
      expect((await request(`${await second.call<string>('url')}/hello`)).text).toBe('hello');
      expect((await ask('/debug/pprof/')).text).toContain(`pid ${first.pid}`);
      await first.call('stop');
      await second.until<{ state: string }>('status', ({ state }) => state === 'listening');
      expect((await ask('/debug/pprof/')).text).toContain(`pid ${second.pid}`);
      expect(second.complaints).toHaveLength(1);
      await second.call('stop');
      expect(existsSync(socketPath)).toBe(false);
    },
  );
});

describe('a socket that cannot be made', () => {
  eachByItself();

  const CASES: Array<[string, () => string, RegExp]> = [
    ['a file is there', () => socketPath, /pprof\.sock exists and is not a socket/],
    [
      'its directory is missing',
      () => join(directory, 'no/pprof.sock'),
      /the directory of .* does not exist/,
    ],
    ['its path is too long', () => join(directory, 'x'.repeat(120)), /bytes too long for a unix socket/],
  ];

  it.each(rowsOf('costs one warning where', CASES, ([name]) => name === 'a file is there'))(
    'costs one warning where %s; the application starts and serves',
    async (_name, pathOf, words) => {
      writeFileSync(socketPath, 'precious');
      const app = start([], { socketPath: pathOf() });
      // Not by start(), which tries again what has failed by then, and warns again.
      const { reason } = await app.until<{ state: string; reason: string }>(
        'status',
        ({ state }) => state === 'failed',
      );
      expect(reason).toMatch(words);
      expect((await request(`${await app.call<string>('url')}/hello`)).text).toBe('hello');
      expect(app.complaints).toEqual([expect.stringMatching(words)]);
      expect(readFileSync(socketPath, 'utf8')).toBe('precious');
      expect(readdirSync(directory)).toEqual(['pprof.sock']);
    },
  );
});

describeWithCurl('curl --unix-socket', () => {
  eachByItself();

  it('gets a profile as text, with the line that the log has', async () => {
    const app = start();
    const [, args = ''] = await app.printed(/listening on .*: curl (--unix-socket \S+ \S+)/);
    const [option, path, url] = args.split(' ');
    expect(await curl(option!, path!, url!)).toContain('Types of profiles available');
    expect(await curl(option!, path!, `${url!}profile?seconds=1&format=text`)).toMatch(/flat\s+flat%/);
  });
});
