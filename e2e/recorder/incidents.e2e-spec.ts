import { readdir } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { itExhaustive } from '../../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { killProcesses } from '../support/app.process.js';
import { request } from '../support/http.request.js';
import { isStarved } from '../support/patience.js';
import { decodeProfile, framesNamed } from '../support/pprof.profile.js';
import { temporaryDirectory } from '../support/temporary.directory.js';
import { pause, RecordedApp, total } from './recorder.app.js';

interface Incident {
  readonly kind: string;
  readonly to: string | null;
  readonly seconds: number;
  readonly stacks: ReadonlyArray<{ readonly frames: ReadonlyArray<{ readonly name: string }> }>;
  readonly profile: string;
}

/** Asks until there is such an incident, and this function has been seen in it. */
async function incident(app: RecordedApp, kind: string, isOver: boolean, seen = /(?:)/): Promise<Incident> {
  for (;;) {
    const { text } = await app.ask('incidents?format=json');
    const { incidents } = JSON.parse(text) as { incidents: readonly Incident[] };
    const found = incidents.find((each) => each.kind === kind && (each.to !== null) === isOver);
    if (found && names(found).some((name) => seen.test(name))) {
      return found;
    }
    await pause(50);
  }
}

function names({ stacks }: Incident): string[] {
  return stacks.flatMap(({ frames }) => frames.map(({ name }) => name));
}

describe('incidents', () => {
  let app: RecordedApp;

  beforeAll(() => {
    app = new RecordedApp({ flightRecorder: {} });
  });

  afterAll(killProcesses);

  // First: the one incident that there is.
  it('tell of a loop that was blocked, in which stack, and where the profile is', async () => {
    await app.recorded();
    await app.process.call('block', 1500);
    const found = await incident(app, 'blocked', true, /^blockLoop /);
    expect(found.seconds).toBeGreaterThan(1.4);
    const profile = await app.profile(found.profile.replace('profile?', ''));
    // A thread without a processor is not sampled.
    expect(total(profile, 'wall', /^blockLoop /)).toBeGreaterThan(isStarved() ? 0 : 1e9);
    const { text } = await app.ask('incidents');
    expect(text).toMatch(
      /^1 incident since .*\nrecorded from .* 19 Hz\n\n\S+Z the event loop was blocked for/,
    );
    expect((await app.ask('')).text).toMatch(/incidents<\/h2>[^]*blocked for [^]*in blockLoop/);
  });

  it('tell of one that still is, with what it is stuck in', async () => {
    // Only what has been read in the regular way once is read by interrupt.
    await app.recorded();
    const wallSoFar = async () => total(await app.profile('past=60'), 'wall', /^blockLoop /);
    const before = await wallSoFar();
    await app.process.call('stick');
    await incident(app, 'blocked', false, /^blockLoop /);
    // It has a processor for a part of the time only on a starved machine, but it stays there.
    while ((await wallSoFar()) < before + 1e9) {
      await pause(50);
    }
    await app.process.kill();
  });

  it('tell of a heap that has grown beyond its line, and of resident memory', async () => {
    const limited = new RecordedApp({ flightRecorder: { heapLimit: 60_000_000, rssLimit: 120_000_000 } });
    await limited.ask('');
    await limited.process.call('hold', 80);
    await incident(limited, 'heap', false, /^hold /);
    await incident(limited, 'rss', false);
  });

  it('are not there where the recorder is off, which is said with the way to switch it on', async () => {
    const without = new RecordedApp({});
    for (const path of ['incidents', 'profile?past=5']) {
      const { status, text } = await without.ask(path);
      expect({ status, text }).toEqual({ status: 404, text: expect.stringContaining('flightRecorder: {}') });
    }
    expect((await without.ask('')).text).not.toContain('Incidents');
    expect(await without.process.call('samplerRuns')).toBe(false);
  });
});

describe('a recorder whose profiling thread was stopped and started', () => {
  afterAll(killProcesses);

  it('says what is lost, and records again', async () => {
    const app = new RecordedApp({ port: 0, flightRecorder: {} });
    await app.ask('');
    await app.process.call('stop');
    expect(await app.process.until<boolean>('samplerRuns', (runs) => !runs)).toBe(false);
    const { url } = await app.process.call<{ url: string }>('start');
    await app.process.until<boolean>('samplerRuns', (runs) => runs);
    // A 400 until it has a window.
    for (let status = 0; status !== 200;) {
      let text;
      ({ status, text } = await request(`${url}profile?past=600&format=text`));
      expect(text).toMatch(/missing: .*: the profiling thread was started again|^nothing is kept of/);
    }
  });
});

describe('the last minutes of a process', () => {
  let left: string;
  /** What has ended there so far, in what way. */
  const ended = new Map<number, string>();

  beforeAll(async () => {
    left = await temporaryDirectory('flight-');
  });

  afterEach(killProcesses);

  /** The files of a process. It may end as the original positions are written; what is unfinished is deleted later. */
  const writtenBy = async ({ process }: RecordedApp) =>
    (await readdir(left)).filter(
      (name) => name.startsWith(`flight-${process.pid}-`) && !name.endsWith('.tmp'),
    );

  it.each([
    {
      ending: 'an uncaught Error',
      end: (app: RecordedApp) => void app.process.call('throwUncaught').catch(() => undefined),
      code: 1,
      signal: null,
    },
    {
      ending: 'SIGTERM',
      end: (app: RecordedApp) => app.process.signal('SIGTERM'),
      code: null,
      signal: 'SIGTERM',
    },
  ])('are left behind by $ending, which ends it as it would have', async ({ ending, end, code, signal }) => {
    let app;
    do {
      app = new RecordedApp({ flightRecorder: { directory: left } }, { args: ['hooks'] });
      await app.process.call('enter', 'phaseOne');
      await app.recorded((await app.process.call<number>('now')) + 500);
      end(app);
      expect(await app.process.exited).toEqual({ code, signal });
      // A process waits for it for less than 200 ms: on a starved machine it may not be written in that time. Then once more.
    } while (isStarved() && (await writtenBy(app)).length === 0);
    expect(await writtenBy(app)).toEqual([
      expect.stringMatching(new RegExp(`^flight-${app.process.pid}-\\d{8}T\\d{6}Z-[0-9a-f]{8}\\.pb\\.gz$`)),
    ]);
    ended.set(app.process.pid, ending);
  });

  // Of both above.
  it('are told of by the next one, with how it had ended', async () => {
    expect([...ended.values()]).toEqual(['an uncaught Error', 'SIGTERM']);
    const next = new RecordedApp({ flightRecorder: { directory: left } });
    const index = await next.ask('');
    const links = [...index.text.matchAll(/href="(incidents\/flight-(\d+)-[^"]+)"/g)];
    expect(links.map(([, , pid]) => Number(pid)).toSorted((a, b) => a - b)).toEqual(
      [...ended.keys()].toSorted((a, b) => a - b),
    );
    for (const [, path, pid] of links) {
      const profile = decodeProfile((await next.ask(path!)).body);
      expect(profile.comments[0]).toContain(`of pid ${pid}, which had ${ended.get(Number(pid))}`);
      expect(framesNamed(profile, /^phaseOne /)).toHaveLength(1);
    }
    await next.process.printed(
      /LOG .*A process has left its last minutes behind, .*, the newest of 2 recording\(s\) there/,
    );
  });

  it('are left behind by a full heap', async () => {
    let app;
    let directory;
    do {
      directory = await temporaryDirectory('flight-');
      app = new RecordedApp({ flightRecorder: { directory } }, { execArgv: ['--max-old-space-size=100'] });
      await app.recorded();
      void app.process.call('fillHeap').catch(() => undefined);
      const ending = await app.process.exited;
      expect(ending.code === 134 || ending.signal === 'SIGABRT').toBe(true);
      // It waits for a tenth of a second, which is as long as a thread may have no processor; that is said then.
    } while (isStarved() && /^nestjs-pprof: no answer of the flight recorder/m.test(app.process.output));
    expect(await readdir(directory)).toEqual([expect.stringMatching(/^flight-.*\.pb\.gz$/)]);
  });

  itExhaustive(
    'are not there where the heap is full before anything is recorded, which is said',
    async () => {
      const directory = await temporaryDirectory('flight-');
      const app = new RecordedApp(
        { flightRecorder: { directory } },
        { execArgv: ['--max-old-space-size=100'] },
      );
      await app.process.call('listening');
      void app.process.call('fillHeap').catch(() => undefined);
      const ending = await app.process.exited;
      expect(ending.code === 134 || ending.signal === 'SIGABRT').toBe(true);
      // On a slow machine the recorder has begun, or the thread had no processor: that is said, or there is one.
      if ((await readdir(directory)).every((name) => !name.startsWith('flight-'))) {
        expect(app.process.output).toMatch(
          /^nestjs-pprof: (the flight recorder leaves nothing behind: nothing has been recorded yet|no answer of the flight recorder)/m,
        );
      }
    },
  );

  itExhaustive('are not written by a regular exit', async () => {
    const directory = await temporaryDirectory('flight-');
    const app = new RecordedApp({ flightRecorder: { directory } });
    await app.recorded();
    void app.process.call('exit', 3).catch(() => undefined);
    expect(await app.process.exited).toEqual({ code: 3, signal: null });
    expect(await readdir(directory)).toEqual([]);
  });
});
