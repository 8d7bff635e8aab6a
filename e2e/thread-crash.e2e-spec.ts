import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { itExhaustive, rowsOf } from '../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { type AppProcess, killProcesses } from './support/app.process.js';
import { type FixtureOptions, fixtureFile, profilerOf, startFixture } from './support/fixture.app.js';
import { openRequest, request } from './support/http.request.js';
import { windowOf } from './support/patience.js';
import { flat, takeProfile } from './support/pprof.profile.js';

interface Status {
  readonly state: string;
  readonly reason?: string;
}

function startBreakable(
  options: FixtureOptions = {},
  env: Readonly<Record<string, string>> = {},
): AppProcess {
  return startFixture('faults', options, { env, execArgv: ['--require', fixtureFile('thread-faults.cjs')] });
}

function ended(app: AppProcess): Promise<Status> {
  return app.until<Status>('status', ({ state }) => state !== 'listening');
}

function listensAgain(app: AppProcess): Promise<Status> {
  return app.until<Status>('status', ({ state }) => state === 'listening');
}

describe('a profiling thread that ends by itself', () => {
  afterEach(killProcesses);

  const FAULTS = [
    { fault: 'throw', reason: 'thrown by the test' },
    { fault: 'exit', reason: 'exit code 3' },
    { fault: 'kill', reason: 'exit code 1' },
  ];

  it.each(rowsOf('ended by', FAULTS, ({ fault }) => fault === 'throw'))(
    '($fault) is started again, with one warning; the application notices nothing',
    async ({ fault, reason }) => {
      const app = startBreakable();
      const url = await profilerOf(app);
      await app.call('keepSome');
      const { cut } = openRequest(`${url}/debug/pprof/profile?seconds=300`);
      await app.until('samplerRuns', (runs) => runs === true);

      await app.call('break', fault);
      expect(await cut).toMatchObject({ code: 'ECONNRESET' });
      expect(await ended(app)).toEqual({
        state: 'restarting',
        reason: expect.stringContaining(`the profiling thread has ended: ${reason}`),
      });
      expect(await app.call('address')).toBeNull();
      // Its capture ends with it.
      await app.until('samplerRuns', (runs) => runs === false);
      expect((await request(`${await app.call<string>('url')}/hello`)).text).toBe('hello');

      await listensAgain(app);
      // Where the clients look for it, although the options say: any free port.
      expect(await profilerOf(app)).toBe(url);
      await app.call('startBurning');
      const cpu = await takeProfile(`${url}/debug/pprof/profile?seconds=${windowOf(1)}`);
      expect(flat(cpu, 'samples/count', /^crunchNumbers /)).toBeGreaterThan(0);
      // What was allocated before is still known.
      const heap = await takeProfile(`${url}/debug/pprof/heap`);
      expect(flat(heap, 'inuse_space/bytes', /^keepSome /)).toBeGreaterThan(0);

      await app.call('break', fault);
      await ended(app);
      await listensAgain(app);
      expect(app.complaints).toEqual([
        expect.stringMatching(`The profiling thread has ended and is started again, .*${reason}`),
      ]);
      await app.call('stopBurning');
      await app.call('close');
      expect(await app.exited).toEqual({ code: 0, signal: null });
    },
  );

  itExhaustive(
    'has what its flight recorder kept go with it, which the next says, and records again',
    async () => {
      const app = startBreakable({ flightRecorder: {} });
      const url = await profilerOf(app);
      await app.until('samplerRuns', (runs) => runs === true);
      await app.call('break', 'throw');
      await ended(app);
      await listensAgain(app);
      await app.call('startBurning');
      // A 400 until there is a window.
      for (let status = 0; status !== 200;) {
        let text;
        ({ status, text } = await request(`${url}/debug/pprof/profile?past=600&format=text`));
        expect(text).toMatch(/missing: .*: the profiling thread was started again|^nothing is kept of/);
      }
      await app.call('stopBurning');
      await app.call('close');
      expect(await app.exited).toEqual({ code: 0, signal: null });
    },
  );

  itExhaustive('is started again also where the application has broken the timers', async () => {
    const app = startBreakable();
    await profilerOf(app);
    await app.call('break', 'timers');
    await app.call('break', 'kill');
    expect(await ended(app)).toMatchObject({ state: 'restarting' });
    await listensAgain(app);
    expect(app.complaints).toHaveLength(1);
  });
});

describe('a profiling thread', () => {
  let app: AppProcess;

  beforeAll(async () => {
    app = startBreakable();
    await profilerOf(app);
  });

  afterAll(killProcesses);

  it('has limits to its memory, that of its young generation too, which stays when it is idle', async () => {
    expect(await app.call('memoryLimits')).toMatchObject({
      maxOldGenerationSizeMb: 512,
      maxYoungGenerationSizeMb: 8,
    });
  });

  it('that has ended does not hold up the end of the application while it is to be started again', async () => {
    await app.call('break', 'kill');
    await ended(app);
    await app.call('close');
    expect(await app.exited).toEqual({ code: 0, signal: null });
  });
});

describe('a profile that is too large for the memory of the profiling thread', () => {
  afterAll(killProcesses);

  it('ends that thread and not the process', async () => {
    const app = startBreakable({ heap: { samplingInterval: 1024 } }, { PROFILING_THREAD_MB: '32' });
    const url = await profilerOf(app);
    // It is not the other way round: a small one fits.
    await takeProfile(`${url}/debug/pprof/heap`);
    await app.call('keepAtManyStacks', 3000);
    const ask = () => request(`${url}/debug/pprof/heap`).catch((error: Error) => error);
    let outcome = await ask();
    // On a busy machine the main thread, which has as much to hand over, is given up before it has.
    while ('status' in outcome && outcome.status === 504) {
      outcome = await ask();
    }
    expect(outcome).toMatchObject({ code: 'ECONNRESET' });
    expect(await ended(app)).toMatchObject({
      state: 'restarting',
      reason: expect.stringContaining('memory limit'),
    });
    expect((await request(`${await app.call<string>('url')}/hello`)).text).toBe('hello');
    await listensAgain(app);
    expect((await request(`${url}/debug/pprof/`)).status).toBe(200);
    expect(app.complaints).toHaveLength(1);
  });
});

describe('a program in the place of the profiling thread that does not introduce itself', () => {
  it('is given up with one warning, and not believed; the application serves', async () => {
    const app = startFixture('faults', {}, { execArgv: ['--require', fixtureFile('other-thread.cjs')] });
    const status = await app.until<Status>('status', ({ state }) => state !== 'starting');
    expect(status).toEqual({
      state: 'failed',
      reason: expect.stringContaining('has not reported within 30 s'),
    });
    expect(await app.call('address')).toBeNull();
    expect((await request(`${await app.call<string>('url')}/hello`)).text).toBe('hello');
    expect(app.complaints).toEqual([expect.stringContaining('has not reported within 30 s')]);
    await app.call('close');
    expect(await app.exited).toEqual({ code: 0, signal: null });
  });
});
