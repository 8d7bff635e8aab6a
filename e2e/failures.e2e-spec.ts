import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { itExhaustive, rowsOf } from '../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { killProcesses } from './support/app.process.js';
import { fixtureFile, profilerOf, startFixture } from './support/fixture.app.js';
import { openRequest, request } from './support/http.request.js';
import { windowOf } from './support/patience.js';
import { flat, takeProfile } from './support/pprof.profile.js';

afterEach(killProcesses);

describe('a port that is taken', () => {
  it('costs one warning with the remedy; the application starts and serves; it is taken once it is free', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const app = startFixture('http', { port });
    expect(await app.call('listening')).toBeNull();
    expect(await app.call('status')).toMatchObject({
      state: 'waiting',
      reason: expect.stringContaining('is taken'),
    });
    expect((await request(`${await app.call<string>('url')}/hello`)).text).toBe('hello');
    other.close();
    await once(other, 'close');
    await app.until<{ state: string }>('status', ({ state }) => state === 'listening');
    expect(await app.call('address')).toMatchObject({ port });
    expect((await request(`http://127.0.0.1:${port}/debug/pprof/`)).status).toBe(200);
    app.signal('SIGTERM');
    await app.exited;
    expect(app.complaints).toEqual([
      expect.stringMatching(
        new RegExp(
          `port ${port} on 127.0.0.1 is taken .*another port \\(option "port", 0 for any free one\\)`,
        ),
      ),
    ]);
  });
});

describe('a native addon that cannot be loaded', () => {
  it('costs the profiles that need it, which say why, and nothing else', async () => {
    const app = startFixture('http', {}, { execArgv: ['--require', fixtureFile('addon-missing.cjs')] });
    const url = await profilerOf(app);
    expect((await request(`${await app.call<string>('url')}/hello`)).text).toBe('hello');
    for (const name of ['profile?seconds=1', 'heap']) {
      const { status, headers, text } = await request(`${url}/debug/pprof/${name}`);
      expect({ status, pprof: headers['x-go-pprof'] }).toEqual({ status: 503, pprof: '1' });
      expect(text).toMatch(
        /^the native addon @datadog\/pprof cannot be loaded on .*: No native build was found .*\n$/,
      );
    }
    expect((await request(`${url}/debug/pprof/`)).status).toBe(200);
    expect((await request(`${url}/debug/pprof/cmdline`)).status).toBe(200);
    expect(app.complaints).toEqual([expect.stringContaining('Heap profiles are not available')]);
  });
});

// Far longer than a test may take: whatever waits for the end of the capture fails.
const LONG_CAPTURE = '/debug/pprof/profile?seconds=300';

describe('a client that leaves during its capture', () => {
  itExhaustive('stops the sampler, and the next capture works', async () => {
    const app = startFixture('http');
    const url = await profilerOf(app);
    const { disconnect } = openRequest(`${url}${LONG_CAPTURE}`);
    await app.until('samplerRuns', (runs) => runs === true);
    disconnect();
    await app.until('samplerRuns', (runs) => runs === false);
    await app.call('startBurning');
    const profile = await takeProfile(`${url}/debug/pprof/profile?seconds=1`);
    // And is not the rest of the first.
    expect(profile.durationMillis).toBeLessThan(150_000);
    expect(profile.samples.length).toBeGreaterThan(0);
  });

  it('does not end the capture of another client; app.close() cuts off a later one, and the process ends by itself', async () => {
    const app = startFixture('http');
    const url = await profilerOf(app);
    const { disconnect } = openRequest(`${url}${LONG_CAPTURE}`);
    await app.until('samplerRuns', (runs) => runs === true);
    const profile = (seconds: number) => takeProfile(`${url}/debug/pprof/profile?seconds=${seconds}`);
    const other = profile(1 + windowOf(2));
    // Asked for after it: it has begun when this is there, and what is done for the first one's end is done when the heap is.
    await profile(1);
    disconnect();
    await takeProfile(`${url}/debug/pprof/heap?threads=main`);
    await app.call('startBurning');
    expect(flat(await other, 'samples/count', /^crunchNumbers /)).toBeGreaterThan(0);
    expect(await app.until('samplerRuns', (runs) => runs === false)).toBe(false);
    await app.call('stopBurning');

    const { cut } = openRequest(`${url}${LONG_CAPTURE}`);
    await app.until('samplerRuns', (runs) => runs === true);
    await app.call('close');
    expect(await cut).toMatchObject({ code: 'ECONNRESET' });
    expect(await app.exited).toEqual({ code: 0, signal: null });
    expect(app.output).not.toContain('debugger');
    expect(app.complaints).toEqual([]);
  });
});

describe('shutting down during a capture of 300 s', () => {
  async function startCapturing(...args: string[]) {
    const app = startFixture('http', {}, { args: ['express', ...args] });
    const { cut } = openRequest(`${await profilerOf(app)}${LONG_CAPTURE}`);
    await app.until('samplerRuns', (runs) => runs === true);
    return { app, cut };
  }

  itExhaustive(
    'PprofService.stop() cuts it off and stops the samplers; the application goes on',
    async () => {
      const { app, cut } = await startCapturing();
      await app.call('stop');
      expect(await cut).toMatchObject({ code: 'ECONNRESET' });
      await app.until('samplerRuns', (runs) => runs === false);
      expect((await request(`${await app.call<string>('url')}/hello`)).text).toBe('hello');
    },
  );

  const HOOKS: Array<{ name: string; args: string[] }> = [
    { name: 'with shutdown hooks', args: ['hooks'] },
    { name: 'without', args: [] },
  ];

  it.each(rowsOf('SIGTERM', HOOKS, ({ name }) => name === 'without'))(
    'SIGTERM ends the process as it does without us, $name',
    async ({ args }) => {
      const without = startFixture('http', { enabled: false }, { args: ['express', ...args] });
      await without.call('url');
      without.signal('SIGTERM');
      const ending = await without.exited;

      const { app, cut } = await startCapturing(...args);
      app.signal('SIGTERM');
      expect(await app.exited).toEqual(ending);
      expect(await cut).toMatchObject({ code: 'ECONNRESET' });
      expect(app.output).not.toContain('debugger');
      expect(app.complaints).toEqual([]);
    },
  );
});
