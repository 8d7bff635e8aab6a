import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { itExhaustive, rowsOf } from '../../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { killProcesses } from '../support/app.process.js';
import { describeWithGo, goToolPprof } from '../support/go.tool.js';
import { openRequest, served } from '../support/http.request.js';
import { patience, windowOf } from '../support/patience.js';
import { type DecodedProfile, flat, framesNamed } from '../support/pprof.profile.js';
import { AllocatingApp, threadsComment } from './allocating.app.js';

const MIB = 2 ** 20;
const KEPT = /^(makeThings?|from) /;
const GARBAGE = /makeGarbageThing/;

/** MiB of one sample type, by the function that has allocated them. */
const mebibytes = (profile: DecodedProfile, type: string, leaf: RegExp) =>
  flat(profile, `${type}/bytes`, leaf) / MIB;

const sinceOf = (profile: DecodedProfile) =>
  /allocations since (\S+?)[,)]/.exec(threadsComment(profile))?.[1];

describeWithGo('go tool pprof on allocs', () => {
  let app: AllocatingApp;
  let worker: number;

  beforeAll(async () => {
    app = await AllocatingApp.start();
    worker = await app.startWorker();
  });
  afterAll(killProcesses);

  it('shows what was allocated in the window, of each thread, by default', async () => {
    const top = goToolPprof('-top', '-unit=MB', `${app.pprof}/allocs?seconds=${windowOf(2)}`);
    await app.counting();
    await app.litter(100);
    const { stdout, warnings } = await top;
    expect(warnings).toEqual([]);
    expect(stdout).toMatch(/^Type: alloc_space$/m);
    expect(stdout).toMatch(/MB .* makeGarbageThing \(heaps\/fixtures\/allocations\.mjs\)$/m);
    expect(stdout).toMatch(/ allocateInWorker /);
  });

  it.each(rowsOf('-sample_index=', ['alloc_objects', 'alloc_space'], (index) => index === 'alloc_objects'))(
    '-sample_index=%s of a window',
    async (index) => {
      const url = `${app.pprof}/allocs?seconds=${windowOf(1)}`;
      const top = goToolPprof('-top', `-sample_index=${index}`, '-tagfocus=main', url);
      await app.counting();
      await app.litter(20);
      const { stdout, warnings } = await top;
      expect(warnings).toEqual([]);
      expect(stdout).toContain(`Type: ${index}\n`);
      expect(stdout).toMatch(/ makeGarbageThing /);
    },
  );

  it.each([
    ['inuse_objects', 'allocs'],
    ['inuse_space', 'allocs'],
    ['inuse_space', 'heap'],
  ])('-sample_index=%s of %s', async (index, path) => {
    await app.keep(20);
    const url = `${app.pprof}/${path}`;
    const { stdout, warnings } = await goToolPprof('-top', `-sample_index=${index}`, '-tagfocus=main', url);
    expect(warnings).toEqual([]);
    expect(stdout).toContain(`Type: ${index}\n`);
    expect(stdout).toMatch(/ makeThing /);
  });

  it('counts no objects of workers, and says so', async () => {
    const { stdout } = await goToolPprof('-raw', `${app.pprof}/allocs?seconds=1&threads=${worker}`);
    expect(stdout).toMatch(
      new RegExp(`^Comment: threads: worker ${worker} \\(by inspector, objects not counted\\)$`, 'm'),
    );
    const samples = [...stdout.matchAll(/^ +(-?\d+) +(-?\d+) +(-?\d+) +(-?\d+): /gm)];
    expect(samples.some(([, , bytes]) => Number(bytes) > 0)).toBe(true);
    expect(
      samples.filter(([, objects, , live, liveBytes]) => Number(objects) + Number(live) + Number(liveBytes)),
    ).toEqual([]);
  });
});

describe('allocs without seconds', () => {
  afterEach(killProcesses);

  itExhaustive(
    'does not disturb the heap profile, however often it is asked for, nor the workers',
    async () => {
      const app = await AllocatingApp.start();
      const worker = await app.startWorker();
      await app.keep(20);
      const before = await app.take('heap');
      for (let i = 0; i < 5; i += 1) {
        const allocs = await app.take('allocs');
        expect(flat(allocs, 'alloc_space/bytes')).toBe(0);
        expect(mebibytes(allocs, 'inuse_space', KEPT)).toBeGreaterThan(15);
      }
      expect(threadsComment(await app.take('allocs'))).not.toContain('worker');
      expect(threadsComment(await app.take(`allocs?threads=${worker}`))).toContain(`worker ${worker}`);
      const after = await app.take('heap');
      expect(threadsComment(after)).toBe(threadsComment(before));
      expect(mebibytes(after, 'inuse_space', KEPT)).toBeGreaterThan(15);
    },
  );

  it('is empty and valid where heap sampling is off; a window can be had all the same, and leaves nothing behind', async () => {
    const app = await AllocatingApp.start({ heap: false });
    await app.startWorker();
    const allocs = await app.take('allocs');
    expect(allocs.samples).toEqual([]);
    expect(allocs.comments).toContainEqual(expect.stringMatching(/threads skipped: main: .*"heap: false"/));
    expect((await app.ask('heap')).status).toBe(404);
    // Twice: the first must have given the samplers back.
    for (let i = 0; i < 2; i += 1) {
      const taking = app.take('allocs?seconds=1');
      await app.process.until('heapIsSampled', (sampled) => sampled === true);
      await app.litter(50);
      const window = await taking;
      expect(mebibytes(window, 'alloc_space', GARBAGE)).toBeGreaterThan(40);
      expect(threadsComment(window)).toMatch(/^threads: main \(by agent\), worker \d+ \(by inspector/);
      expect(await app.process.call('heapIsSampled')).toBe(false);
    }
    expect((await app.ask('heap')).status).toBe(404);
  });
});

describe('allocs?seconds= in a process of its own', () => {
  afterEach(killProcesses);

  itExhaustive('leaves the process to exit as it would, without a word', async () => {
    const app = await AllocatingApp.start();
    await app.startWorker();
    openRequest(`${app.pprof}/allocs?seconds=300`).cut.catch(() => undefined);
    await app.counting();
    app.process.call('exit', 3).catch(() => undefined);
    expect(await app.process.exited).toEqual({ code: 3, signal: null });
    expect(app.process.output).not.toMatch(/debugger/i);
  });

  itExhaustive('leaves no difference of heaps around it: 409, says why', async () => {
    const app = await AllocatingApp.start();
    const delta = app.ask('heap?seconds=2');
    await app.take('allocs?seconds=1');
    expect(await delta).toMatchObject({
      status: 409,
      text: expect.stringMatching(/^there is no difference to report, ask again: main: .*allocs\?seconds=/),
    });
    const growing = setInterval(() => void app.keep(1).catch(() => undefined), 50);
    const next = await app.take('heap?seconds=2');
    clearInterval(growing);
    expect(framesNamed(next, KEPT)).not.toEqual([]);
  });

  itExhaustive('leaves a stuck main thread out, and fails at once where none is left', async () => {
    const app = await AllocatingApp.start();
    const worker = await app.startWorker();
    app.process.call('stickAllocating', 600_000).catch(() => undefined);
    await app.process.printed(/^Stuck allocating$/m);
    expect(await app.ask('allocs?seconds=300&threads=main')).toMatchObject({
      status: 504,
      text: expect.stringMatching(/^no thread could be profiled: main: .*has not turned/),
    });
    const profile = await app.take('allocs?seconds=1');
    expect(threadsComment(profile)).toMatch(new RegExp(`^threads: worker ${worker} `));
    expect(profile.comments).toContainEqual(expect.stringMatching(/^threads skipped: main: /));
    expect(framesNamed(profile, /allocateInWorker/)).not.toEqual([]);
  });

  itExhaustive(
    'answers in time where the main thread gets stuck in it; heap tells what was alive before until that goes on',
    async () => {
      const app = await AllocatingApp.start();
      await app.keep(20);
      const capturing = app.take('allocs?seconds=2&threads=main');
      await app.counting();
      const unstuck = app.process.call('stickAllocating', patience(8000));
      const profile = await capturing;
      expect(threadsComment(profile)).toBe(
        'threads: main (by inspector, its event loop got stuck, objects not counted)',
      );
      expect(framesNamed(profile, /^stickAllocating /)).not.toEqual([]);
      expect(flat(profile, 'alloc_objects/count')).toBe(0);
      const stuck = await app.take('heap');
      expect(threadsComment(stuck)).toMatch(/ as of /);
      expect(mebibytes(stuck, 'inuse_space', GARBAGE)).toBeLessThan(20);
      await unstuck;
      await app.heapTelling(/ gave the sampler back/);
    },
  );
});

describe('an application, from before it is captured', () => {
  let app: AllocatingApp;

  beforeAll(async () => {
    app = await AllocatingApp.start();
    await app.keep(5);
  });
  afterAll(killProcesses);

  it.each(['heap', 'allocs'])('%s?debug=1 ends with the memory of the process', async (name) => {
    const { headers, text } = await served(`${app.pprof}/${name}?debug=1`);
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(text).toMatch(new RegExp(`^${name} profile: total `));
    for (const value of ['rss', 'heapUsed', 'external', 'total_heap_size', 'heap_size_limit', 'old_space']) {
      expect(text).toMatch(new RegExp(`^# ${value} = \\d+`, 'm'));
    }
  });

  it('mutex is valid and empty, with seconds and debug=1 too', async () => {
    for (const path of ['mutex', 'mutex?seconds=1', 'mutex?seconds=1&seconds=1']) {
      const profile = await app.take(path);
      expect(profile.sampleTypes).toEqual(['contentions/count', 'delay/nanoseconds']);
      expect(profile.samples).toEqual([]);
      if (path === 'mutex') {
        expect(profile.durationMillis).toBe(0);
      } else {
        // A timer of Node may fire up to a millisecond early.
        expect(profile.durationMillis).toBeGreaterThanOrEqual(999);
      }
    }
    expect((await app.ask('mutex?debug=1')).text).toMatch(/^mutex profile: total 0: 0 /);
  });

  describe('allocs?seconds=', () => {
    it('counts all that was allocated in its own window, and nothing else, where windows overlap', async () => {
      await app.litter(100);
      const overlapping = async (seconds: number): Promise<DecodedProfile[]> => {
        let isOver = false;
        const long = app.take(`allocs?seconds=${seconds}`).finally(() => (isOver = true));
        await app.counting();
        await app.litter(200);
        const short = app.take('allocs?seconds=1');
        // It has begun when it has read what there was before, so that this is in both windows.
        const both = setInterval(() => void app.litter(1).catch(() => undefined), 20);
        await short;
        clearInterval(both);
        await app.litter(200);
        // What is allocated after its end, on a slow machine, is not in it.
        return isOver ? await overlapping(2 * seconds) : [await long, await short];
      };
      const profiles = await overlapping(3);
      const [first, second] = profiles.map((profile) => mebibytes(profile, 'alloc_space', GARBAGE));
      expect(first).toBeGreaterThan(0.85 * (400 + second!));
      expect(first).toBeLessThan(1.15 * (400 + second!) + 50);
      expect(second).toBeGreaterThan(0);
      expect(second).toBeLessThan(150);
      expect(flat(profiles[1]!, 'alloc_objects/count', GARBAGE)).toBeGreaterThan(1000);
    });

    it('has heap tell what was alive before while it runs, and starts anew afterwards', async () => {
      await app.keep(20);
      const since = sinceOf(await app.take('heap'));
      const window = app.take('allocs?seconds=2');
      const during = await app.heapTelling(
        / as of \S+: an allocs\?seconds= capture has the sampler since then/,
      );
      expect(sinceOf(during)).toBe(since);
      expect(mebibytes(during, 'inuse_space', KEPT)).toBeGreaterThan(15);
      expect(mebibytes(await app.take('allocs'), 'inuse_space', KEPT)).toBeGreaterThan(15);
      await window;
      const after = await app.take('heap');
      expect(threadsComment(after)).toContain(', when an allocs?seconds= capture gave the sampler back');
      expect(sinceOf(after)! > since!).toBe(true);
      expect(mebibytes(after, 'inuse_space', KEPT)).toBe(0);
      await app.keep(20);
      expect(mebibytes(await app.take('heap?gc=1'), 'inuse_space', KEPT)).toBeGreaterThan(15);
    });

    it('includes workers that start in the window, and names those that end in it', async () => {
      const ends = await app.startWorker();
      // An application whose workers live for less than a second has none of its workers looked at.
      await app.process.until<number>('ageOfYoungestWorker', (millis) => millis > 1000);
      // It is known then, and so asked as soon as the capture begins.
      expect(threadsComment(await app.take('heap'))).toContain(`worker ${ends}`);
      const capturing = app.take(`allocs?seconds=${windowOf(3)}`);
      await app.counting();
      const starts = await app.startWorker();
      await app.process.call('endWorker', ends);
      const profile = await capturing;
      expect(threadsComment(profile)).toMatch(
        new RegExp(`^threads: main \\(by agent\\), worker ${starts} \\(`),
      );
      expect(profile.comments).toContain(`threads skipped: worker ${ends}: it has ended`);
    });

    // Last: its server listens on another port afterwards.
    it('gives the sampler back where its client leaves, or the profiler is stopped', async () => {
      const { disconnect } = openRequest(`${app.pprof}/allocs?seconds=300`);
      await app.counting();
      disconnect();
      // As it did after the captures before; while one has the sampler, the comment has both.
      await app.heapTelling(/^(?!.* as of ).* gave the sampler back/);
      openRequest(`${app.pprof}/allocs?seconds=300`).cut.catch(() => undefined);
      await app.counting();
      await app.process.call('stop');
      expect(await app.process.call('heapIsSampled')).toBe(false);
      expect(await app.process.call('start')).not.toBeNull();
      expect(await app.process.call('heapIsSampled')).toBe(true);
    });
  });
});
