import { afterEach, describe, expect, it } from '@jest/globals';
import { itExhaustive, rowsOf } from '../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { type AppProcess, killProcesses } from './support/app.process.js';
import { type Inside, profilerOf, startFixture } from './support/fixture.app.js';
import { request } from './support/http.request.js';
import { flat, framesNamed, profileWithNumbers, takeProfile } from './support/pprof.profile.js';

afterEach(killProcesses);

async function expectProfiles(app: AppProcess): Promise<void> {
  const url = await profilerOf(app);
  const profile = await profileWithNumbers(url);
  expect(flat(profile, 'samples/count', /^crunchNumbers /)).toBeGreaterThan(0);
  expect(framesNamed(profile, /^crunchNumbers /)).toEqual([
    expect.objectContaining({ file: expect.stringMatching(/^\/.*\/e2e\/fixtures\/apps\/hot\.mjs$/) }),
  ]);
  const heap = await takeProfile(`${url}/debug/pprof/heap`);
  expect(heap.sampleTypes).toEqual(['inuse_objects/count', 'inuse_space/bytes']);
  expect(flat(heap, 'inuse_space/bytes')).toBeGreaterThan(0);
}

describe('PprofModule in an HTTP application', () => {
  it.each(['express', 'fastify'])(
    'on %s: profiles, serves, and the process ends by itself after close()',
    async (platform) => {
      const app = startFixture('http', {}, { args: [platform] });
      await app.call('startBurning');
      await expectProfiles(app);
      expect((await request(`${await app.call<string>('url')}/hello`)).text).toBe('hello');
      await app.call('stopBurning');
      await app.call('close');
      expect(await app.exited).toEqual({ code: 0, signal: null });
      expect(app.complaints).toEqual([]);
      expect(
        app.output.match(/Profiling server listening on http:\/\/127\.0\.0\.1:\d+\/debug\/pprof\//g),
      ).toHaveLength(1);
    },
  );
});

describe('PprofModule in an application context', () => {
  it.each(rowsOf('ends by itself', ['close', 'no-close'], (ending) => ending === 'no-close'))(
    'profiles, and the process ends by itself when the job is done (%s)',
    async (ending) => {
      const app = startFixture('context', {}, { args: [ending] });
      await expectProfiles(app);
      // Its answer may come too late: the process is free to end.
      void app.call('done').catch(() => undefined);
      expect(await app.exited).toEqual({ code: 0, signal: null });
      expect(app.complaints).toEqual([]);
    },
  );

  itExhaustive('lets a process end that has nothing to do but to start', async () => {
    const app = startFixture('context', {}, { args: ['no-close'] });
    void app.call('done').catch(() => undefined);
    expect(await app.exited).toEqual({ code: 0, signal: null });
    expect(app.complaints).toEqual([]);
  });
});

describe('PprofModule in a microservice', () => {
  it('profiles, and the process ends by itself after close()', async () => {
    const app = startFixture('microservice');
    await app.call('startBurning');
    await expectProfiles(app);
    await app.call('stopBurning');
    await app.call('close');
    expect(await app.exited).toEqual({ code: 0, signal: null });
    expect(app.complaints).toEqual([]);
  });
});

describe('enabled', () => {
  it('false: no thread, no listener, no native addon, until PprofService starts, stops and starts again, and tells its address and status', async () => {
    const app = startFixture('http', { enabled: false });
    expect(await app.call('status')).toEqual({ state: 'disabled' });
    expect(await app.call<Inside>('inside')).toEqual({ workers: 0, addonFiles: [] });
    expect(await app.call('address')).toBeNull();
    expect(app.output).not.toContain('Profiling server');

    const first = await app.call<{ host: string; port: number; url: string }>('start');
    expect(first).toEqual({
      host: '127.0.0.1',
      port: expect.any(Number),
      url: `http://127.0.0.1:${first.port}/debug/pprof/`,
    });
    expect(await app.call('address')).toEqual(first);
    expect(await app.call('status')).toEqual({ state: 'listening', address: first });
    expect((await request(first.url)).status).toBe(200);

    await app.call('stop');
    expect(await app.call('status')).toEqual({ state: 'stopped' });
    expect(await app.call('address')).toBeNull();
    await expect(request(first.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect((await app.call<Inside>('inside')).workers).toBe(0);

    const { url } = await app.call<{ url: string }>('start');
    expect((await request(url)).status).toBe(200);
    await takeProfile(`${url}profile?seconds=1`);
    await takeProfile(`${url}heap`);
  });

  it('true with heap: false: no addon before the first capture', async () => {
    const app = startFixture('http', { heap: false });
    const url = await profilerOf(app);
    expect(await app.call<Inside>('inside')).toEqual({ workers: 1, addonFiles: [] });
    const heap = await request(`${url}/debug/pprof/heap`);
    expect([heap.status, heap.text]).toEqual([404, expect.stringContaining('heap: false')]);
    await profileWithNumbers(url);
    // So what is not there above would have been seen.
    const { addonFiles } = await app.call<Inside>('inside');
    expect(addonFiles).toEqual(expect.arrayContaining([expect.stringMatching(/\.node$/)]));
  });
});

describe('forRootAsync', () => {
  /** The last of them has the factory of the first. */
  const FORMS = ['useFactory', 'useClass', 'useExisting', 'isGlobal'];

  it.each(rowsOf('takes its options from', FORMS, (form) => form === 'isGlobal'))(
    'takes its options from %s; where that is isGlobal, PprofService can be injected in modules that do not import it',
    async (form) => {
      const app = startFixture('async-forms', { maxSeconds: 7 }, { args: [form] });
      const { status, text } = await request(`${await profilerOf(app)}/debug/pprof/profile?seconds=8`);
      expect([status, text]).toEqual([400, expect.stringContaining('the maximum is 7 ')]);
      if (form === 'isGlobal') {
        expect(await app.call('operator')).toBe(true);
      }
    },
  );

  it('with invalid options: the application does not start', async () => {
    const app = startFixture('async-forms', { port: '6060' }, { args: ['useFactory'] });
    expect(await app.exited).toEqual({ code: 1, signal: null });
    expect(app.output).toContain('PprofOptionsError');
    expect(app.output).toContain('option "port" is "6060"');
  });
});
