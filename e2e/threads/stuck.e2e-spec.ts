import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { itExhaustive, rowsOf } from '../../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { killProcesses } from '../support/app.process.js';
import { profilingUrl, startExample } from '../support/example.app.js';
import { describeWithGo, goToolPprof } from '../support/go.tool.js';
import { askUntil, openRequest, request, requestUntil, type Response } from '../support/http.request.js';
import { windowOf } from '../support/patience.js';
import { type DecodedProfile, flat, framesNamed, takeProfile } from '../support/pprof.profile.js';
import { temporaryDirectory } from '../support/temporary.directory.js';
import { ThreadsApp } from './threads.app.js';

/** The example, blocked for far longer than a test may take: who waits for its event loop, fails. */
async function startBlockedExample(kind: string) {
  const app = await startExample();
  const pprof = `${await profilingUrl(app.process)}/debug/pprof`;
  // So that it does not compute for as long as what makes profiles takes to be loaded.
  await request(`${pprof}/cmdline`);
  let answer: Error | undefined;
  void openRequest(`${app.url}/faults/block?kind=${kind}&ms=600000`, { method: 'POST' }).cut.then(
    (ended) => (answer = ended),
  );
  /** Of all threads, while it is blocked. */
  const dump = (query: string) => {
    expect(answer).toBeUndefined();
    return request(`${pprof}/goroutine?${query}`);
  };
  return { process: app.process, pprof, dump };
}

/** The dump of all threads, once it shows what is looked for. */
async function dumpWith(dump: (query: string) => Promise<Response>, wanted: RegExp): Promise<string> {
  const isFound = ({ status, text }: Response) => status === 200 && wanted.test(text);
  const { text } = await askUntil(() => dump('debug=2'), isFound);
  return text;
}

describeWithGo('an example whose event loop is stuck in', () => {
  afterEach(killProcesses);

  const BLOCKS = [
    { kind: 'loop', stuckIn: 'spinInLoop' },
    { kind: 'forever', stuckIn: 'spinForever' },
    { kind: 'regex', stuckIn: 'matchSkuList' },
    { kind: 'json', stuckIn: 'stringifyHugeCatalogue' },
  ];

  // A loop of JavaScript is in v8-formats.e2e-spec.ts too, with the lines of its source.
  describe.each(rowsOf('stuck in', BLOCKS, ({ kind }) => kind === 'regex'))('$kind', ({ kind, stuckIn }) => {
    it('answers what does not need the loop, and names the function', async () => {
      const { process: app, pprof, dump: dumped } = await startBlockedExample(kind);
      const dump = await dumpWith(dumped, new RegExp(String.raw`^thread main \[stuck[^]*^${stuckIn} `, 'm'));
      expect(dump).toMatch(/^# event loop has not turned since \d{4}-\d\d-\d\dT/m);
      expect(dump).toMatch(
        new RegExp(String.raw`^${stuckIn} .*\n\t.*/apps/example/src/faults/event-loop\.blocks\.ts:\d+$`, 'm'),
      );

      // At the same time, as it computes until it is killed.
      const [{ stdout, warnings }, index, cmdline, vars] = await Promise.all([
        goToolPprof('-top', '-cum', `${pprof}/profile?seconds=1`),
        request(`${pprof}/`),
        request(`${pprof}/cmdline`),
        request(new URL('/debug/vars', pprof).href),
      ]);
      await app.kill();
      expect(warnings).toEqual([]);
      const [, share = ''] = new RegExp(String.raw`([\d.]+)%  ${stuckIn} \(`).exec(stdout) ?? [];
      // All that the process does; the rest is the start of the sampler.
      expect(Number(share)).toBeGreaterThan(80);
      expect(stdout).toContain('main (by inspector, its event loop is stuck)');

      expect({ status: index.status, text: index.text }).toEqual({
        status: 200,
        text: expect.stringContaining('Types of profiles available'),
      });
      expect(cmdline.text).toContain('apps/example/dist/main.js');
      expect(vars.status).toBe(200);
      expect(JSON.parse(vars.text)).toMatchObject({ cmdline: expect.any(Array) });
      expect(app.complaints).toEqual([]);
    });
  });

  itExhaustive('busy turns of 80 ms each', async () => {
    const { pprof, dump: dumped } = await startBlockedExample('busy');
    // Not the function that it calls in turn: see docs/profiles.md for what V8 does not show of that.
    const dump = await dumpWith(dumped, /^holdUpEveryTurn .*\n.*\/event-loop\.blocks\.ts:\d+$/m);
    expect(dump).not.toMatch(/^thread main \[stuck/m);
    const { stdout, warnings } = await goToolPprof('-top', '-cum', `${pprof}/profile?seconds=1`);
    expect(warnings).toEqual([]);
    const [, share = ''] = /([\d.]+)%  holdUpEveryTurn \(/.exec(stdout) ?? [];
    expect(Number(share)).toBeGreaterThan(80);
    const block = await goToolPprof('-top', '-cum', `${pprof}/block?seconds=1`);
    expect(block.warnings).toEqual([]);
    expect(block.stdout).toContain('Type: delay');
    expect(block.stdout).toContain('holdUpEveryTurn (src/faults/event-loop.blocks.ts)');
  });

  it('a native call: 504, with what is known', async () => {
    const { pprof, dump } = await startBlockedExample('native');
    // On a starved machine the kernel has not seen it compute for long enough: then it says that.
    const cause =
      '(?:it is busy in a synchronous native call .*Ask again when it has returned|it was ready to run and had no processor)';
    const isKnown = ({ text }: Response) =>
      new RegExp(
        String.raw`^no thread could be profiled: main: thread main has not answered for \d\.\d s: ${cause}.*\n$`,
      ).test(text);
    // At the same time, as each waits for as long as a thread may take to answer.
    const tool = goToolPprof('-top', `${pprof}/profile?seconds=1`).then(
      ({ stdout }) => stdout,
      (error: Error) => error.message,
    );
    // It is calibrated first, in calls that do return. The cause is told once the kernel has shown enough of it.
    let last = await dump('threads=main');
    while (!isKnown(last)) {
      if (last.status !== 200) {
        expect(last).toMatchObject({
          status: 504,
          text: expect.stringMatching(/main: thread main has not answered for \d\.\d s\b/),
        });
      }
      last = await dump('threads=main');
    }
    expect(await tool).toMatch(new RegExp(`server response: 504 .*main: thread main has not answered`, 's'));
  });
});

describe('a loop that got stuck before the first request', () => {
  afterEach(killProcesses);

  it('is profiled all the same; a trace, which could be begun only by interrupt, is refused with what to ask for instead', async () => {
    const app = await ThreadsApp.start();
    await app.stickIn('spinForever');
    // At the same time, as it computes until it is killed.
    const profiled = async () => {
      let profile;
      do {
        // Without it where the thread had no processor in that second.
        profile = await takeProfile(`${app.pprof}/profile?seconds=1`);
      } while (framesNamed(profile, /^spinForever /).length === 0);
    };
    const refused = async () => {
      const { status, headers, text } = await request(`${app.pprof}/trace?seconds=0.5`);
      expect({ status, text }).toEqual({
        status: 504,
        text: expect.stringMatching(
          /^no trace could be begun: the event loop of the main thread has not turned for \d+\.\d s.* Ask for profile or goroutine .*\n$/,
        ),
      });
      expect(headers['x-go-pprof']).toBe('1');
      // And it holds nobody else out.
      const again = await request(`${app.pprof}/trace?seconds=0.5`);
      expect(again.status).toBe(504);
    };
    await Promise.all([profiled(), refused()]);
    // Said once the kernel has seen it compute for long enough; V8 may be collecting garbage just then.
    const dump = (query: string) => request(`${app.pprof}/goroutine?${query}`);
    await dumpWith(dump, /^thread main \[stuck\]:\n# event loop has not turned since .*\nspinForever /m);
  });
});

describe('a loop that gets stuck in the middle of a capture', () => {
  afterEach(killProcesses);

  it('is answered with all of it where the sampler has been used before', async () => {
    const app = await ThreadsApp.start();
    await takeProfile(`${app.pprof}/profile?seconds=1`);
    const profile = await profileOfStuck(app);
    expect(flat(profile, 'cpu/nanoseconds', /^spinBriefly /)).toBeGreaterThan(0);
    expect(profile.comments).toContainEqual(
      expect.stringContaining('main (by agent, read by interrupt as its event loop did not turn)'),
    );
  });

  it('is answered with what it is stuck in where it has not', async () => {
    const app = await ThreadsApp.start();
    const profile = await profileOfStuck(app);
    expect(flat(profile, 'wall/nanoseconds', /^spinBriefly /)).toBeGreaterThan(0);
    expect(profile.comments).toContainEqual(
      expect.stringContaining('main (by inspector, its event loop is stuck)'),
    );
    expect(profile.comments).toContainEqual(
      expect.stringMatching(/^threads skipped: main, until its event loop got stuck: /),
    );
  });

  itExhaustive('with a program that it waits for, which ends', async () => {
    const app = await ThreadsApp.start();
    const taken = takeProfile(`${app.pprof}/profile?seconds=3`);
    await app.capturing();
    await app.stickIn('runProgramSync', 5);
    expect(flatOfCaller(await taken, /^runProgramSync /)).toBeGreaterThan(0);
  });
});

describe('an application that goes on', () => {
  let app: ThreadsApp;

  beforeAll(async () => {
    app = await ThreadsApp.start();
  });

  afterAll(killProcesses);

  it('after a native call lets go of the capture that was running, which names the caller', async () => {
    const fifo = join(await temporaryDirectory('fifo-'), 'fifo');
    execFileSync('mkfifo', [fifo]);
    const taken = takeProfile(`${app.pprof}/profile?seconds=3`);
    await app.capturing();
    await app.stickIn('readFifoSync', fifo);
    // Refused after its deadline, which is later than the end of the window. It says that it is stuck a moment before it is.
    const { status, text } = await requestUntil(`${app.pprof}/goroutine`, (asked) => asked.status !== 200);
    expect({ status, text }).toEqual({
      status: 504,
      text: expect.stringMatching(
        /^no thread could be profiled: main: thread main has not answered for \d+\.\d s\b/,
      ),
    });
    await writeFile(fifo, 'the end');
    const profile = await taken;
    expect(flatOfCaller(profile, /^readFifoSync /)).toBeGreaterThan(0);
  });

  it('without a worker that has just ended is not traced, as another may end in that very moment', async () => {
    const worker = await app.startWorker('idle');
    expect((await request(`${app.pprof}/trace?seconds=0.1`)).status).toBe(200);
    await app.endWorker(worker);
    const { status, text } = await request(`${app.pprof}/trace?seconds=0.1`);
    expect({ status, text }).toEqual({
      status: 504,
      text: expect.stringMatching(/^no trace is begun, .* a worker thread that ended: /),
    });
  });
});

/** Of a window in which the loop gets stuck, which is seen within it, with time left in which the loop has a processor. */
async function profileOfStuck(app: ThreadsApp): Promise<DecodedProfile> {
  const taken = takeProfile(`${app.pprof}/profile?seconds=${windowOf(2)}`);
  await app.capturing();
  await app.stickIn('spinAtTimes');
  return taken;
}

/** Wall time in which the function was on the stack. */
function flatOfCaller(profile: DecodedProfile, name: RegExp): number {
  const samples = profile.samples.filter(({ stack }) => stack.some((frame) => name.test(frame.name)));
  return flat({ ...profile, samples }, 'wall/nanoseconds');
}
