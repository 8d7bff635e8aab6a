import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { itExhaustive } from '../../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { HAS_FRAMES, LabelsApp, NO_FRAMES, samplesIn } from '../labels/labels.app.js';
import { AppProcess, killProcesses } from '../support/app.process.js';
import { profilerOf } from '../support/fixture.app.js';
import { request, requestUntil } from '../support/http.request.js';
import { flat, framesNamed, takeProfile } from '../support/pprof.profile.js';
import { describeWhere } from '../support/needed.tool.js';
import { expectRight } from '../support/right.figures.js';
import { temporaryDirectory } from '../support/temporary.directory.js';
import { RecordedApp } from './recorder.app.js';

// The flight recorder in the company of what else there is in a process.

afterEach(killProcesses);

describeWhere(HAS_FRAMES, NO_FRAMES, 'a recorder with labels', () => {
  it('has the route that each sample was taken for, before and after a live capture as well', async () => {
    const app = await LabelsApp.start('express', { flightRecorder: { labels: true } });
    const under = (hz: number) =>
      app.profileUnder({ seconds: 1, hz }, 4, (index) =>
        app.get(index % 2 === 0 ? `/burn/heavy/${index}` : `/burn/light/${index}`),
      );
    const takePast = () => takeProfile(`${app.profiler}/debug/pprof/profile?past=60`);
    await under(500);
    let profile = await takePast();
    // What was sampled faster counts for less than a sample of the recorder's own rate.
    while ([/^lightWork /, /^heavyWork /].some((work) => flat(profile, 'samples/count', work) === 0)) {
      await under(20);
      profile = await takePast();
    }
    for (const name of ['heavy', 'light']) {
      const work = new RegExp(`${name}Work`);
      expect(Object.keys(samplesIn(profile, work, 'handler'))).toEqual([name]);
      const route = `GET /burn/${name}/:id`;
      const { [route]: right = 0, '(none)': none = 0, ...others } = samplesIn(profile, work);
      expectRight(right > 2 * none && Object.keys(others).length === 0, { route, right, none, others });
    }
  });
});

describe('a recorder beside another profiler', () => {
  const SCRIPT = fileURLToPath(new URL('../heaps/fixtures/other-profiler.app.mjs', import.meta.url));
  const HELD = /the CPU sampler is held by another profiler in this process: perhaps @pyroscope\/nodejs/;

  async function start(...args: string[]): Promise<{ app: AppProcess; pprof: string }> {
    const app = new AppProcess(SCRIPT, {
      args,
      env: { PPROF_OPTIONS: JSON.stringify({ flightRecorder: {} }) },
    });
    const pprof = `${await profilerOf(app)}/debug/pprof`;
    await app.call('startBurning');
    return { app, pprof };
  }

  itExhaustive('says that it records nothing, and who has the sampler, which it leaves alone', async () => {
    const { app, pprof } = await start('theirs-first');
    await requestUntil(`${pprof}/incidents`, ({ text }) => HELD.test(text));
    const { status, text } = await request(`${pprof}/profile?past=60`);
    expect({ status, text }).toEqual({ status: 400, text: expect.stringMatching(HELD) });
    const pushes = await app.call<number>('pushes');
    await app.until<number>('pushes', (now) => now > pushes + 1);
  });

  it('gives way to one that starts later, and keeps what it has', async () => {
    const { app, pprof } = await start();
    await requestUntil(`${pprof}/profile?past=60`, ({ status }) => status === 200);
    await app.call('startTheirs');
    await requestUntil(`${pprof}/incidents`, ({ text }) => HELD.test(text));
    const profile = await takeProfile(`${pprof}/profile?past=60`);
    expect(framesNamed(profile, /^crunchNumbers /)).not.toEqual([]);
    expect(profile.comments).toContainEqual(
      expect.stringMatching(
        /^samples of the main thread are missing: another profiler has started .*@pyroscope\/nodejs/,
      ),
    );
    const pushes = await app.call<number>('pushes');
    await app.until<number>('pushes', (now) => now > pushes + 1);
  });
});

describe('a recorder in a process that counts code coverage', () => {
  it('records, also a loop that is blocked, and the counts stay those of blocks', async () => {
    const directory = await temporaryDirectory('coverage-');
    const app = new RecordedApp({ flightRecorder: {} }, { env: { NODE_V8_COVERAGE: directory } });
    await app.process.call('enter', 'phaseOne');
    await app.recorded();
    await app.process.call('block', 1500);
    await requestUntil(await app.url('incidents'), ({ text }) => text.includes('blockLoop'));
    expect(framesNamed(await takeProfile(await app.url('profile?past=60')), /^phaseOne /)).not.toEqual([]);
    void app.process.call('exit', 0).catch(() => undefined);
    expect(await app.process.exited).toEqual({ code: 0, signal: null });
    const files = await readdir(directory);
    const texts = await Promise.all(files.map((file) => readFile(join(directory, file), 'utf8')));
    const counted = texts
      .flatMap((text) => (JSON.parse(text) as CoverageFile).result)
      .filter(({ url }) => url.endsWith('/recorded.app.mjs'))
      .flatMap(({ functions }) => functions)
      .filter(({ functionName }) => functionName === 'blockLoop');
    expect(counted).toEqual([
      expect.objectContaining({
        isBlockCoverage: true,
        ranges: expect.arrayContaining([expect.objectContaining({ count: 1 })]),
      }),
    ]);
  });
});

interface CoverageFile {
  readonly result: ReadonlyArray<{
    readonly url: string;
    readonly functions: ReadonlyArray<{ readonly functionName: string; readonly isBlockCoverage: boolean }>;
  }>;
}
