import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppProcess, killProcesses } from '../support/app.process.js';
import { profilerOf } from '../support/fixture.app.js';
import { request } from '../support/http.request.js';
import { flat, takeProfile } from '../support/pprof.profile.js';

const SCRIPT = fileURLToPath(new URL('fixtures/other-profiler.app.mjs', import.meta.url));

const HELD = /sampler is held by another profiler in this process: perhaps @pyroscope\/nodejs\. .*switch/;

let app: AppProcess;
let pprof: string;

async function start(...args: string[]): Promise<void> {
  app = new AppProcess(SCRIPT, { args });
  pprof = `${await profilerOf(app)}/debug/pprof`;
}

/** Asks again where a crowded machine keeps the event loop from turning. */
const ask = async (path: string) => {
  for (;;) {
    const { status, text } = await request(`${pprof}/${path}`);
    if (status !== 504) {
      return { status, text: status === 200 ? '' : text };
    }
  }
};

/** Their CPU and heap profiles, both, are still being pushed. */
async function expectTheirsGoOn(): Promise<void> {
  const before = await app.call<number>('pushes');
  await app.until<number>('pushes', (pushes) => pushes >= before + 6);
}

async function expectNotToSpoilTheirs(): Promise<void> {
  await expectTheirsGoOn();
  await app.call('stop');
  await expectTheirsGoOn();
  await app.call('start');
  pprof = `${await profilerOf(app)}/debug/pprof`;
  await expectTheirsGoOn();
}

describe('with @pyroscope/nodejs started first', () => {
  beforeAll(() => start('theirs-first'));
  afterAll(killProcesses);

  it('warns once, at the start, and names it', () => {
    expect(app.complaints).toEqual([expect.stringMatching(HELD)]);
  });

  it.each(['heap', 'heap?gc=1', 'profile?seconds=1', 'allocs?seconds=1'])(
    '%s: 409, names it',
    async (path) => {
      expect(await ask(path)).toEqual({ status: 409, text: expect.stringMatching(HELD) });
    },
  );

  it.each(['goroutine', 'goroutine?debug=2', 'block?seconds=1', 'mutex', 'threadcreate'])(
    '%s is as it would be without it',
    async (path) => {
      expect((await ask(path)).status).toBe(200);
    },
  );

  it('allocs, for scrapers, is valid, empty, and says why', async () => {
    const { samples, comments } = await takeProfile(`${pprof}/allocs`);
    expect(samples).toEqual([]);
    expect(comments).toContainEqual(expect.stringMatching(HELD));
  });

  it('goes on pushing its profiles, also after ours was stopped and started', expectNotToSpoilTheirs);

  it('can be stopped, and then ours has what it asks for', async () => {
    await app.call('stopTheirs');
    await app.call('startBurning');
    const profile = await takeProfile(`${pprof}/profile?seconds=1`);
    expect(flat(profile, 'samples/count')).toBeGreaterThan(0);
    const heap = await takeProfile(`${pprof}/heap`);
    expect(heap.comments).toContainEqual(
      expect.stringMatching(/^threads: main \(by agent, allocations since /),
    );
  });
});

describe('with @pyroscope/nodejs started after ours', () => {
  beforeAll(() => start());
  afterAll(killProcesses);

  it('says that samples are missing, where it starts during a capture', async () => {
    await app.call('startBurning');
    const capturing = takeProfile(`${pprof}/profile?seconds=2`);
    await app.until('samplerRuns', (runs) => runs === true);
    await app.call('startTheirs');
    const { comments } = await capturing;
    await app.call('stopBurning');
    expect(comments).toContainEqual(
      expect.stringMatching(/^samples of the main thread are missing: .*@pyroscope\/nodejs/),
    );
  });

  it('heap goes on; what would spoil its profiles is refused, and names it', async () => {
    expect(app.complaints).toEqual([]);
    expect((await ask('heap')).status).toBe(200);
    expect((await ask('allocs')).status).toBe(200);
    expect(await ask('profile?seconds=1')).toEqual({ status: 409, text: expect.stringMatching(HELD) });
    expect(await ask('allocs?seconds=1')).toEqual({
      status: 409,
      text: expect.stringMatching(/may be using the same heap sampler: @pyroscope\/nodejs\./),
    });
  });

  it('goes on pushing its profiles, also after ours was stopped and started', async () => {
    await expectNotToSpoilTheirs();
    expect((await ask('heap')).status).toBe(200);
  });

  it('may take the heap sampler with it; ours starts it anew, and says so', async () => {
    await app.call('stopTheirs');
    const { comments } = await takeProfile(`${pprof}/heap`);
    expect(comments).toContainEqual(
      expect.stringMatching(/^threads: main .* something else .* had stopped the sampler/),
    );
    expect((await ask('profile?seconds=1')).status).toBe(200);
  });
});
