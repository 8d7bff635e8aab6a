import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { killProcesses } from '../support/app.process.js';
import { request } from '../support/http.request.js';
import { HttpConnection } from '../support/http.connection.js';
import { KINDS, KINDS_WITH_SECONDS } from '../support/served.kinds.js';
import { type Held, type HeldInMain, WatchedApp } from './watched.app.js';

// What a capture leaves behind when it does not come to its end, seen from the inside: nothing.

/** Until it is over, nothing would end by itself. */
const LONG = 300;

const get = (target: string) => `GET /debug/pprof/${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

/** One place: a capture that leaves its place taken would not let the next one in. */
const OPTIONS = { maxCaptures: 1 };

describe('a client that goes away', () => {
  let app: WatchedApp;
  let idle: Held;

  beforeAll(async () => {
    app = await WatchedApp.start(OPTIONS);
    await Promise.all(['busy', 'idle'].map((kind) => app.process.call('startWorker', kind)));
    for (const { name } of KINDS) {
      await request(`${app.origin}/debug/pprof/${name}?seconds=1`);
    }
    // The one session that stays, with its timer, is that of the workers' heaps, for as long as there are workers.
    const resources = { MessagePort: 1, TCPServerWrap: 1, Timeout: 1 };
    idle = await app.becomes({ sampler: false, sessions: 1, v8Profilers: 0, thread: { resources } });
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
      (await connectionWith(bytes)).leave();
    },
  );

  it.each(KINDS_WITH_SECONDS)('right after its request for $name', async ({ name }) => {
    (await connectionWith(get(`${name}?seconds=${LONG}`))).leave();
  });

  it.each(KINDS_WITH_SECONDS)('while it waits for $name', async ({ name }) => {
    const connection = await connectionWith(get(`${name}?seconds=${LONG}`));
    await app.holdsMoreThan(idle);
    connection.leave();
  });

  it.each(KINDS_WITH_SECONDS)('while it waits for $name, and the main thread is stuck', async ({ name }) => {
    const connection = await connectionWith(get(`${name}?seconds=${LONG}`));
    await app.holdsMoreThan(idle);
    await app.process.call('blockFor', 500);
    connection.leave();
  });

  it.each(KINDS)('while $name is encoded', async ({ name }) => {
    await app.process.call('holdEncoding');
    try {
      const connection = await connectionWith(get(`${name}?seconds=1`));
      await app.encodes(connection);
      connection.leave();
    } finally {
      await app.process.call('releaseEncoding');
    }
  });

  it.each(KINDS)('after the headers of $name', async ({ name }) => {
    const connection = await connectionWith(get(`${name}?seconds=1`));
    await connection.received(/^HTTP\/1\.1 200 OK\r\n/);
    connection.leave();
  });

  it('between two requests on a connection that is kept', async () => {
    const connection = await connectionWith(get('profile?seconds=1'));
    await connection.received(/application\/octet-stream[^]*\r\n\r\n/);
    connection.write(get('goroutine?debug=2'));
    await connection.received(/goroutine/);
    connection.leave();
  });

  it('with several requests under way, of which all but the first wait for their turn', async () => {
    const connection = await connectionWith(get('goroutine') + get(`profile?seconds=${LONG}`));
    await app.holdsMoreThan(idle);
    connection.leave();
  });

  it('which sent one more than there is a place for: that one is refused, in its turn', async () => {
    const connection = await connectionWith(get('profile?seconds=1') + get('block?seconds=1'));
    await connection.received(/HTTP\/1\.1 429 [^]*running/);
    connection.leave();
  });

  it('takes no place with it: there is only one', async () => {
    expect((await request(`${app.origin}/debug/pprof/profile?seconds=1`)).status).toBe(200);
  });
});

describe('a client that goes away while the application is being made for its request', () => {
  afterAll(killProcesses);

  it.each(KINDS_WITH_SECONDS)('for $name', async ({ name }) => {
    const app = await WatchedApp.start(OPTIONS);
    const before = await app.held();
    const connection = await HttpConnection.open(app.origin);
    connection.write(get(`${name}?seconds=${LONG}`));
    connection.leave();
    // Answered when the application is made, and the request of the one who left has been looked at.
    expect((await request(`${app.origin}/debug/pprof/cmdline`)).status).toBe(200);
    await app.expectNothingLeftOf(before);
    expect((await request(`${app.origin}/debug/pprof/${name}?seconds=1`)).status).toBe(200);
    await app.process.kill();
  });
});

describe('a worker thread that ends during a capture', () => {
  afterAll(killProcesses);

  it('leaves nothing behind either, and the capture goes on without it', async () => {
    const app = await WatchedApp.start();
    const [busy] = await Promise.all(
      ['busy', 'idle'].map((kind) => app.process.call<number>('startWorker', kind)),
    );
    const before = await app.held();
    // Not of heaps: those of the worker that stays go on being sampled, which takes a session.
    const kinds = KINDS_WITH_SECONDS.filter(({ name }) => !['heap', 'allocs'].includes(name));
    const answers = kinds.map(({ name }) => request(`${app.origin}/debug/pprof/${name}?seconds=3`));
    await app.process.until<Held>('held', ({ v8Profilers }) => v8Profilers > 0);
    await app.process.call('endWorker', busy);
    const statuses = await Promise.all(answers.map(async (answer) => (await answer).status));
    expect(new Set(statuses)).toEqual(new Set([200]));
    await app.expectNothingLeftOf(before);
  });
});

describe('the module that is stopped', () => {
  afterAll(killProcesses);

  /** Kinds that have a profiler running for the whole window. */
  const THROUGHOUT = ['profile', 'block'];

  const NOTHING: HeldInMain = {
    sampler: false,
    sessions: 0,
    v8Profilers: 0,
    intervals: 0,
    listeners: {},
    agents: 0,
  };

  it.each(KINDS_WITH_SECONDS)(
    'during $name leaves nothing behind, and cuts the client off',
    async ({ name }) => {
      const app = await WatchedApp.start();
      await Promise.all(['busy', 'idle'].map((kind) => app.process.call('startWorker', kind)));
      const idle = await app.held();
      const connection = await HttpConnection.open(app.origin);
      connection.write(get(`${name}?seconds=${LONG}`));
      await app.holdsMoreThan(idle);
      if (THROUGHOUT.includes(name)) {
        // One to each thread.
        await app.process.until<Held>('held', ({ v8Profilers }) => v8Profilers === 3);
      }
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
    await app.encodes(connection);
    await app.process.call('stop');
    expect(await connection.untilClosed()).toHaveLength(0);
    await app.expectToHoldInMain(NOTHING);
  });
});
