import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { IS_EXHAUSTIVE, rowsOf } from '../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { type AppProcess, killProcesses } from './support/app.process.js';
import { type FixtureOptions, type Inside, profilerOf, startFixture } from './support/fixture.app.js';
import { freePort } from './support/free.port.js';
import { openRequest, request } from './support/http.request.js';
import { takeProfile } from './support/pprof.profile.js';
import { temporaryDirectory } from './support/temporary.directory.js';

async function registered(directory: string): Promise<number> {
  const [registry] = await readdir(directory);
  return registry === undefined ? 0 : (await readdir(join(directory, registry))).length;
}

// Each test finds a profiler that listens, and leaves such a one.
describe('a process that outlives its profilers', () => {
  let directory: string;
  let port: number;
  let app: AppProcess;
  let before: unknown;

  beforeAll(async () => {
    directory = await temporaryDirectory('lifecycle-');
    port = await freePort();
    app = startFixture('lifecycle', { port }, { env: { TMPDIR: directory } });
    await profilerOf(app);
    before = await app.call('listeners');
  });

  afterAll(async () => {
    // Although, for a moment, the port was taken by the one before.
    expect(app.complaints).toEqual([]);
    await app.call('close');
    expect(await app.exited).toEqual({ code: 0, signal: null });
    expect(await registered(directory)).toBe(0);
  });

  it('PprofService switched on and off many times, waited for or not: the last call decides, and nothing is left of those before', async () => {
    await app.call('toggleInTurn', IS_EXHAUSTIVE ? 40 : 10);
    expect(await app.call('status')).toMatchObject({ state: 'listening', address: { port } });
    // 30 calls, of which the last is a stop.
    await app.call('toggle', 30);
    expect(await app.call('status')).toEqual({ state: 'stopped' });
    expect(await app.call('listeners')).toMatchObject({ agents: 0 });
    await expect(request(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    // The worker thread of the application.
    await hasWorkers(app, 1);

    // Of which the last is a start.
    await app.call('toggle', 31);
    expect(await app.call('status')).toMatchObject({ state: 'listening', address: { port } });
    expect(await app.call('listeners')).toEqual(before);
    await hasWorkers(app, 2);
    await takeProfile(`http://127.0.0.1:${port}/debug/pprof/profile?seconds=1`);
  });

  it.each(rowsOf('is replaced by', ['closeAndStart', 'reload'], (way) => way === 'reload'))(
    'an application that is replaced (%s) leaves no thread, listener or port behind',
    async (way) => {
      await app.call(way, 5);
      expect(await app.call('listening')).toMatchObject({ port });
      expect(await app.call('listeners')).toEqual(before);
      await hasWorkers(app, 2);
      await takeProfile(`http://127.0.0.1:${port}/debug/pprof/profile?seconds=1`);
      await takeProfile(`http://127.0.0.1:${port}/debug/pprof/heap`);
    },
  );
});

/** A worker that is just starting is not counted yet: https://github.com/nodejs/node/blob/main/src/node_report.cc (`RequestInterrupt`) */
async function hasWorkers(app: AppProcess, count: number): Promise<void> {
  await app.until<Inside>('inside', ({ workers }) => workers === count);
}

/** What the process says when it ends, without what Nest logs at its start. */
function lastWords(app: AppProcess): string[] {
  return app.output.split('\n').filter((line) => !line.startsWith('[Nest]'));
}

describe('a process that ends during captures', () => {
  afterEach(killProcesses);

  async function startAndEnd(way: string, options: FixtureOptions, capture: (url: string) => Promise<void>) {
    const app = startFixture('lifecycle', options);
    if (options.enabled !== false) {
      await capture(await profilerOf(app));
    }
    await app.call('end', way).catch(() => undefined);
    return { ending: await app.exited, words: lastWords(app) };
  }

  const WAYS = [
    { way: 'exit', code: 7, word: '' },
    { way: 'throw', code: 1, word: 'Error: thrown by the application' },
    { way: 'reject', code: 1, word: 'Error: rejected by the application' },
  ];

  it.each(rowsOf('ends by', WAYS, ({ way }) => way === 'throw'))(
    '($way) has the exit code and the output that it has without us',
    async ({ way, code, word }) => {
      const without = await startAndEnd(way, { enabled: false }, () => Promise.resolve());
      expect(without.ending).toEqual({ code, signal: null });
      expect(without.words.join('\n')).toContain(word);

      const cuts: Array<Promise<Error>> = [];
      const withCaptures = await startAndEnd(way, {}, async (url) => {
        // Both have a session with the inspector open, as there is a worker thread.
        cuts.push(
          ...['profile', 'block'].map((kind) => openRequest(`${url}/debug/pprof/${kind}?seconds=300`).cut),
        );
        // By the answer to a capture of its own one can tell that they have begun.
        await takeProfile(`${url}/debug/pprof/profile?seconds=1`);
      });
      expect(withCaptures).toEqual(without);
      for (const cut of cuts) {
        expect(await cut).toMatchObject({ code: 'ECONNRESET' });
      }
    },
  );
});
