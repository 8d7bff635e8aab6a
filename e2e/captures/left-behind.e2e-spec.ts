import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { rowsOf } from '../../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { killProcesses } from '../support/app.process.js';
import { request, requestUntil, served } from '../support/http.request.js';
import { HttpConnection } from '../support/http.connection.js';
import { isStarved } from '../support/patience.js';
import { KINDS } from '../support/served.kinds.js';
import { type Held, type HeldInMain, WatchedApp } from './watched.app.js';

// What a capture leaves behind when it does not come to its end, seen from the inside: nothing.

/** Until it is over, nothing would end by itself. */
const LONG = 300;

/** Whatever takes a window of time, up to the number of seconds. */
const WINDOWS = [
  ...KINDS.map(({ name }) => `${name}?seconds=`),
  'profile?format=cpuprofile&seconds=',
  'trace?seconds=',
];

/** One for each way of being captured: by the agent, by the inspector, by both, and alone. */
const isEssential = (window: string) => /^(profile|block|allocs|trace)\?seconds/.test(window);

/** Where each has an application of its own: by the agent, and by the inspector where there are workers. */
const isEssentialAlone = (window: string) => window.startsWith('profile?seconds');

/** `heap` cannot tell of a window in which `allocs` has V8's sampler. */
const AT_ONCE = [
  { profiles: 'allocs', isAsked: (target: string) => target.startsWith('allocs') },
  { profiles: 'any other kind', isAsked: (target: string) => !target.startsWith('allocs') },
];

const get = (target: string) => `GET /debug/pprof/${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

/** More than run at a time: a capture that has begun holds its slot for a second at least, whoever leaves. */
const SLOTS = 100;

/** Settles when each slot can be taken: none is held by a client that has left. */
async function expectFree(app: WatchedApp, slots: number): Promise<void> {
  const window = `${app.origin}/debug/pprof/mutex?seconds=1`;
  // Those of the clients that have just left are held for less than this one.
  await requestUntil(window, ({ status }) => status !== 429);
  const answers = await Promise.all(Array.from({ length: slots }, () => request(window)));
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
}

describe('a client that goes away', () => {
  let app: WatchedApp;
  let idle: Held;

  beforeAll(async () => {
    app = await WatchedApp.start({ maxCaptures: SLOTS });
    await Promise.all(['works', 'idle'].map((kind) => app.process.call('startWorker', kind)));
    await Promise.all(KINDS.map(({ name }) => request(`${app.origin}/debug/pprof/${name}?seconds=1`)));
    // The one session that stays, with its timer, is that of the workers' heaps, for as long as there are workers.
    idle = await app.rests(1);
  });

  afterAll(killProcesses);

  afterEach(() => app.expectNothingLeftOf(idle));

  /** A connection that has sent this. */
  async function connectionWith(bytes: string): Promise<HttpConnection> {
    const connection = await HttpConnection.open(app.origin);
    connection.write(bytes);
    return connection;
  }

  it.each(['GET', 'GET /debug/pprof/profile?seconds=300', 'GET /debug/pprof/heap HTTP/1.1\r\nHost: local'])(
    'before its request is whole: %j',
    async (bytes) => {
      (await connectionWith(bytes)).disconnect();
    },
  );

  it.each(rowsOf('right after its request for', WINDOWS, isEssential))(
    'right after its request for %s',
    async (window) => {
      (await connectionWith(get(`${window}${LONG}`))).disconnect();
    },
  );

  it.each(WINDOWS)('while it waits for %s', async (window) => {
    const connection = await connectionWith(get(`${window}${LONG}`));
    await app.holdsMoreThan(idle);
    connection.disconnect();
  });

  it.each(rowsOf('while it waits, and the main thread is stuck, for', WINDOWS, isEssential))(
    'while it waits for %s, and the main thread is stuck',
    async (window) => {
      const connection = await connectionWith(get(`${window}${LONG}`));
      await app.holdsMoreThan(idle);
      await app.process.call('blockFor', 500);
      connection.disconnect();
    },
  );

  it.each(AT_ONCE)('while a profile of $profiles is encoded', async ({ isAsked }) => {
    const kinds = KINDS.filter(({ name }) => isAsked(name));
    await app.process.call('holdEncoding');
    try {
      const connections = await Promise.all(
        kinds.map(({ name }) => connectionWith(get(`${name}?seconds=1`))),
      );
      await app.encodes(connections);
      connections.forEach((connection) => connection.disconnect());
    } finally {
      await app.process.call('releaseEncoding');
    }
  });

  it.each(AT_ONCE)('after the headers of $profiles', async ({ isAsked }) => {
    const targets = [
      ...KINDS.map(({ name }) => `${name}?seconds=1`),
      'profile?format=cpuprofile&seconds=1',
      'heap?format=heapprofile',
      'trace?seconds=1',
    ].filter(isAsked);
    await Promise.all(
      targets.map(async (target) => {
        let connection;
        do {
          connection = await connectionWith(get(target));
          await connection.received(/^HTTP\/1\.1 (200 OK\r\n|504 [^]* had no processor for )/);
          connection.disconnect();
          // A starved one may say that it had no processor: a client leaves after those headers as well, and asks once more.
        } while (isStarved() && !connection.soFar.startsWith('HTTP/1.1 200'));
        expect(connection.soFar).toMatch(/^HTTP\/1\.1 200 /);
      }),
    );
  });

  it('between two requests on a connection that is kept', async () => {
    const connection = await connectionWith(get('profile?seconds=1'));
    await connection.received(/application\/octet-stream[^]*\r\n\r\n/);
    connection.write(get('cmdline'));
    await connection.received(/watched\.app/);
    connection.disconnect();
  });

  it('with several requests under way, of which all but the first wait for their turn', async () => {
    const connection = await connectionWith(get('cmdline') + get(`profile?seconds=${LONG}`));
    await app.holdsMoreThan(idle);
    connection.disconnect();
  });

  it('takes no slot with it', () => expectFree(app, SLOTS));
});

describe('a client that goes away while the application is being made for its request', () => {
  afterAll(killProcesses);

  it.each(rowsOf('for', WINDOWS, isEssentialAlone))('for %s', async (window) => {
    const app = await WatchedApp.start({ maxCaptures: 1 });
    const before = await app.rests(0);
    const connection = await HttpConnection.open(app.origin);
    connection.write(get(`${window}${LONG}`));
    connection.disconnect();
    // Answered when the application is made, and the request of the one who left has been looked at.
    expect((await request(`${app.origin}/debug/pprof/cmdline`)).status).toBe(200);
    await app.expectNothingLeftOf(before);
    await expectFree(app, 1);
    await app.process.kill();
  });
});

describe('a client that asks for one more capture than there is a slot for, and goes away', () => {
  afterAll(killProcesses);

  it('is refused, in its turn, and takes no slot with it', async () => {
    const app = await WatchedApp.start({ maxCaptures: 1 });
    const connection = await HttpConnection.open(app.origin);
    connection.write(get('profile?seconds=1') + get('block?seconds=1'));
    await connection.received(/HTTP\/1\.1 429 [^]*running/);
    connection.disconnect();
    await expectFree(app, 1);
  });
});

describe('a worker thread that ends during a capture', () => {
  afterAll(killProcesses);

  it('leaves nothing behind either, and the capture goes on without it', async () => {
    const app = await WatchedApp.start();
    const [busy] = await Promise.all(
      ['works', 'idle'].map((kind) => app.process.call<number>('startWorker', kind)),
    );
    const before = await app.rests(0);
    // Were one to end before it is a second old, all workers would be left alone: after this they are older.
    await request(`${app.origin}/debug/pprof/threadcreate?seconds=1`);
    // Not of heaps: those of the worker that stays go on being sampled, which takes a session.
    const windows = WINDOWS.filter((window) => !/^(heap|allocs)/.test(window));
    const answers = Promise.all(windows.map((window) => served(`${app.origin}/debug/pprof/${window}3`)));
    await app.process.until<Held>('held', ({ v8Profilers }) => v8Profilers > 0);
    await app.process.call('endWorker', busy);
    await answers;
    await app.expectNothingLeftOf(before);
  });
});

describe('the module that is stopped', () => {
  afterAll(killProcesses);

  /** Those that have a profiler running for the whole window: in how many threads. */
  const THROUGHOUT: Readonly<Record<string, number>> = {
    'profile?seconds=': 3,
    'block?seconds=': 3,
    'profile?format=cpuprofile&seconds=': 1,
  };

  const NOTHING: HeldInMain = {
    sampler: false,
    sessions: 0,
    v8Profilers: 0,
    intervals: 0,
    listeners: {},
    agents: 0,
  };

  it.each(rowsOf('during', WINDOWS, isEssentialAlone))(
    'during %s leaves nothing behind, and cuts the client off',
    async (window) => {
      const app = await WatchedApp.start();
      await Promise.all(['works', 'idle'].map((kind) => app.process.call('startWorker', kind)));
      const idle = await app.held();
      const connection = await HttpConnection.open(app.origin);
      connection.write(get(`${window}${LONG}`));
      await app.holdsMoreThan(idle);
      const profilers = THROUGHOUT[window] ?? 0;
      await app.process.until<Held>('held', ({ v8Profilers }) => v8Profilers >= profilers);
      await app.process.call('stop');
      // Cut off, or told why.
      expect((await connection.untilClosed()).toString()).toMatch(
        /^(HTTP\/1\.1 50\d [^]*being stopped[^]*)?$/,
      );
      await app.expectToHoldInMain(NOTHING);
      await app.process.kill();
    },
  );

  it('while a profile is encoded leaves nothing behind', async () => {
    const app = await WatchedApp.start();
    await app.process.call('holdEncoding');
    const connection = await HttpConnection.open(app.origin);
    connection.write(get('profile?seconds=1'));
    await app.encodes([connection]);
    await app.process.call('stop');
    expect(await connection.untilClosed()).toHaveLength(0);
    await app.expectToHoldInMain(NOTHING);
  });
});
