import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { rowsOf } from '../../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { killProcesses } from '../support/app.process.js';
import { describeWithGo, goToolPprof, savedProfile } from '../support/go.tool.js';
import { openRequest, request, requestUntil, served } from '../support/http.request.js';
import { windowOf } from '../support/patience.js';
import { type DecodedProfile, flat, framesNamed, takeProfile } from '../support/pprof.profile.js';
import { ThreadsApp } from './threads.app.js';

/** Long enough for workers to start in. */
const WINDOW = windowOf(1.5);

/** In which each thread has had a processor, also where there is little of it. */
const PROFILE = `profile?seconds=${windowOf(1)}`;

describeWithGo('go tool pprof on an application with threads of many kinds', () => {
  let pool: number[];
  let busy: number;
  let idle: number;
  let waiting: number;
  /** By what was asked for, the file or the text. All of it is taken first: until it is killed, the application is busy. */
  let saved: Readonly<Record<string, string>>;
  let stacks: string;
  let text: string;
  let dump: string;

  beforeAll(async () => {
    const app = await ThreadsApp.start();
    await makesProfiles(app);
    busy = await app.startWorker('busy');
    idle = await app.startWorker('idle', 'clock');
    waiting = await app.startWorker('waits');
    pool = await app.process.call<number[]>('startPool');
    await app.process.call('startLog');
    const targets = [
      ...['', '&threads=all', '&threads=main', `&threads=${busy}`, `&threads=${busy},0`].map(
        (threads) => `${PROFILE}${threads}`,
      ),
      'threadcreate',
      'heap',
    ];
    const hasWork = (profile: DecodedProfile) =>
      [/^countPrimes /, /^redactEntry /].every((name) => framesNamed(profile, name).length > 0);
    const files = await Promise.all(
      targets.map((target) =>
        savedProfile(`${app.pprof}/${target}`, target === PROFILE ? hasWork : undefined),
      ),
    );
    saved = Object.fromEntries(targets.map((target, index) => [target, files[index]!]));
    // By itself: the captures of others make an idle worker run, too.
    stacks = await savedProfile(`${app.pprof}/goroutine`, ({ samples }) =>
      samples.some(
        ({ labels, stack }) => labels['thread'] === `worker ${idle} (clock)` && stack[0]?.name === '(idle)',
      ),
    );
    ({ text } = await served(`${app.pprof}/goroutine?debug=1`));
    // V8 tells of a loop that it was already in when it compiles it anew, which a busy machine takes its time for.
    ({ text: dump } = await requestUntil(`${app.pprof}/goroutine?debug=2`, (response) =>
      /^spinInWorker .*\n\t\/.*\/kinds\.worker\.mjs:\d+$/m.test(response.text),
    ));
    await app.process.kill();
  });

  /** Runs `go tool pprof` on what was taken. */
  const goOn = (target: string, ...args: string[]) => goToolPprof(...args, saved[target]!);

  it("-tagfocus shows the function of piscina's threads, with its file", async () => {
    const { stdout, warnings } = await goOn(
      PROFILE,
      '-top',
      '-tagfocus',
      `thread=^worker (${pool.join('|')})$`,
    );
    expect(warnings).toEqual([]);
    expect(stdout).toContain('countPrimes (threads/fixtures/pool.task.mjs)');
    expect(stdout).not.toContain('spinInWorker');
    expect(stdout).not.toContain('redactEntry');
  });

  it("-tagfocus shows the function of pino's transport, with its file", async () => {
    const { stdout, warnings } = await goOn(PROFILE, '-top', '-tagfocus', 'thread=log.transport');
    expect(warnings).toEqual([]);
    expect(stdout).toContain('redactEntry (threads/fixtures/log.transport.mjs)');
    expect(stdout).not.toContain('countPrimes');
  });

  it('-tagroot puts each thread at the root of its stacks', async () => {
    const { stdout, warnings } = await goOn(PROFILE, '-traces', '-tagroot', 'thread');
    expect(warnings).toEqual([]);
    // A block is one stack, innermost first; its last line is the root.
    const roots = stdout
      .split(/^-{3}.*$/m)
      .filter((block) => block.includes('spinInWorker'))
      .map((block) => block.trimEnd().split('\n').at(-1)!.trim());
    expect(new Set(roots)).toEqual(new Set([`worker ${busy}`]));
  });

  it.each<{ query: string; wanted: () => string[] }>([
    { query: 'main', wanted: () => ['main'] },
    { query: 'BUSY', wanted: () => [`worker ${busy}`] },
    { query: 'BUSY,0', wanted: () => [`worker ${busy}`, 'main'] },
  ])('threads=$query takes these only', async ({ query, wanted }) => {
    const threads = query.replace('BUSY', String(busy));
    const { stdout } = await goOn(`${PROFILE}&threads=${threads}`, '-raw');
    expect(threadsTaken(stdout)).toEqual(new Set(wanted()));
    expect([...labelsIn(stdout)].filter((label) => !wanted().includes(label))).toEqual([]);
    expect(stdout.includes('spinInWorker')).toBe(threads.includes(String(busy)));
  });

  it('all threads are taken otherwise, but never the profiling thread', async () => {
    for (const query of ['', '&threads=all']) {
      const { stdout } = await goOn(`${PROFILE}${query}`, '-raw');
      expect(threadsTaken(stdout)).toEqual(
        new Set([
          'main',
          `worker ${busy}`,
          `worker ${idle} (clock)`,
          `worker ${waiting}`,
          ...pool.map((id) => `worker ${id}`),
          expect.stringMatching(/^worker \d+ \(.*\/log\.transport\.mjs\)$/),
        ]),
      );
      // By its name, or by its code.
      expect(stdout).not.toMatch(/\(nestjs-pprof\)|dist\/(esm|cjs)\/(server|threads|profiles|pprof)\//);
    }
  });

  it('goroutine tells the stack of each thread, whatever it is doing', async () => {
    const { stdout, warnings } = await goToolPprof('-traces', stacks);
    expect(warnings).toEqual([]);
    expect(stdout).toContain('Type: goroutine');
    const stackOf = (thread: string) =>
      stdout.split(/^-{3}.*$/m).find((block) => new RegExp(`^ *thread: *${thread}$`, 'm').test(block));
    expect(stackOf(`worker ${busy}`)).toMatch(/ spinInWorker /);
    expect(stackOf(`worker ${waiting}`)).toMatch(/ waitForSignal /);
    expect(stackOf(String.raw`worker ${idle} \(clock\)`)).toMatch(/ \(idle\)$/m);
    expect(stackOf('main')).toBeDefined();
    expect(stdout).toMatch(/^Showing|total|Duration|^-{3}/m);
    const { stdout: total } = await goToolPprof('-top', stacks);
    // main, busy, idle, waiting, two of the pool, the log.
    expect(total).toMatch(/^Showing nodes accounting for \d+, [\d.]+% of 7 total$/m);
  });

  it('goroutine?debug=1 is the same as text', () => {
    expect(text).toMatch(/^goroutine profile: total 7 \(goroutine\/count\)\n/);
    expect(text).toMatch(
      new RegExp(
        String.raw`^1 thread=worker ${waiting} state=running @\n#\twaitForSignal .*\t/.*/kinds\.worker\.mjs:\d+$`,
        'm',
      ),
    );
  });

  it('goroutine?debug=2 is a dump with name, state, stack and what keeps main alive', () => {
    const threads = [...dump.matchAll(/^thread (.*) \[(\w+).*\]:$/gm)].map(
      ([, thread, state]) => `${thread}: ${state}`,
    );
    expect(threads).toHaveLength(7);
    expect(threads).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^main: (waiting|running)$/),
        `worker ${busy}: running`,
        `worker ${idle} (clock): waiting`,
        `worker ${waiting}: running`,
      ]),
    );
    expect(dump).toMatch(/^# active resources: .*\d+ Timeout/m);
  });

  it('threadcreate counts the workers', async () => {
    const { stdout, warnings } = await goOn('threadcreate', '-raw');
    expect(warnings).toEqual([]);
    expect(labelsIn(stdout)).toEqual(
      new Set([
        `worker ${busy}`,
        `worker ${idle} (clock)`,
        `worker ${waiting}`,
        ...pool.map((id) => `worker ${id}`),
        expect.stringMatching(/^worker \d+ \(.*\/log\.transport\.mjs\)$/),
      ]),
    );
  });

  it('heap has what each thread has allocated since it was asked for first', async () => {
    const { stdout } = await goOn('heap', '-raw');
    expect(threadsTaken(stdout)).toContain('main');
    expect(stdout).toMatch(
      new RegExp(
        String.raw`^Comment: threads: main \(by agent.*worker ${busy} \(by inspector, allocations since \d{4}-`,
        'm',
      ),
    );
  });
});

describe('threads that come and go during a capture', () => {
  let app: ThreadsApp;

  beforeAll(async () => {
    app = await ThreadsApp.start();
  });

  afterAll(killProcesses);

  // First: it tells all workers that there are.
  it('are dropped when they end, and the others stay', async () => {
    const ending = await Promise.all([
      app.startWorker('works', 'ends'),
      app.startWorker('idle', 'ends'),
      app.startWorker('waits', 'ends'),
    ]);
    const staying = await app.startWorker('works', 'stays');
    // An application whose workers live for less than a second has none of its workers looked at.
    await app.process.until<number>('ageOfYoungestWorker', (millis) => millis > 1000);
    const taken = takeProfile(`${app.pprof}/profile?seconds=${WINDOW}`);
    await app.capturing();
    await app.process.until<number>('openSessions', (open) => open > 0);
    await Promise.all(ending.map((id) => app.endWorker(id)));
    const profile = await taken;
    expect(framesNamed(profile, /^spinInWorker /)).not.toEqual([]);
    expect(profile.comments).toContainEqual(
      expect.stringMatching(
        new RegExp(String.raw`^threads: main \(.*\), worker ${staying} \(stays\) \(by inspector\)$`),
      ),
    );
    expect(profile.comments.filter((comment) => comment.startsWith('threads skipped'))).toEqual([]);
    // What the next one sees is none of this worker.
    await app.endWorker(staying);
  });

  it('are included from their start on', async () => {
    const taken = takeProfile(`${app.pprof}/profile?seconds=${WINDOW}`);
    await app.capturing();
    const first = await app.startWorker('works');
    const second = await app.startWorker('works', 'late');
    const profile = await taken;
    expect(framesNamed(profile, /^spinInWorker /)).not.toEqual([]);
    expect(profile.comments).toContainEqual(
      expect.stringMatching(
        new RegExp(String.raw`^threads: main .*, worker ${first} .*, worker ${second} \(late\) `),
      ),
    );
  });
});

describe('the CPU time of threads that are not JavaScript', () => {
  afterEach(killProcesses);

  it('is in the profile once, and the total is what the process used', async () => {
    const app = await ThreadsApp.start();
    // One that does little: before Node 22.23, what a worker does is estimated, at the expense of the other threads.
    const worker = await app.startWorker('idle');
    await makesProfiles(app);
    await app.process.call('startHashing');
    await app.process.call('startAccount');
    const profile = await takeProfile(`${app.pprof}/${PROFILE}`);
    const others = profile.samples.filter(({ stack }) => stack[0]!.name === '(non-JavaScript threads)');
    expect(others).toHaveLength(1);

    const from = profile.startedAt;
    const used = await app.process.call<number>('cpuMillis', { from, to: from + profile.durationMillis });
    const total = flat(profile, 'cpu/nanoseconds') / 1e6;
    const hashing = flat(profile, 'cpu/nanoseconds', /^\(non-JavaScript threads\)$/) / 1e6;
    // As in accuracy.e2e-spec.ts: the account has an entry every few milliseconds, and what the profiler itself used is
    // left out, less than 100 ms in each of its two threads. Twice, it would be off by 100 %.
    expect(Math.abs(total - used)).toBeLessThan(0.02 * used + 200);
    const isKnown = 'cpuUsage' in Worker.prototype;
    expect(profile.comments).toContainEqual(
      expect.stringMatching(
        new RegExp(
          String.raw`^cpu by the clock of the thread: main [^)]*\)${isKnown ? `, worker ${worker} ` : '$'}`,
        ),
      ),
    );
    // Nearly all of it is hashing, in two threads of libuv.
    expect(hashing).toBeGreaterThan(0.5 * used);
  });
});

describe('a process that exits during a capture of its workers', () => {
  afterEach(killProcesses);

  const ENDS: Array<{ name: string; command: string; argument?: number; code: number }> = [
    { name: 'process.exit(3)', command: 'exit', argument: 3, code: 3 },
    { name: 'an uncaught exception', command: 'fail', code: 1 },
  ];

  it.each(rowsOf('by', ENDS, ({ command }) => command === 'exit'))(
    'by $name keeps its exit code, and says nothing about a debugger',
    async ({ command, argument, code }) => {
      const app = await ThreadsApp.start();
      for (const kind of ['busy', 'idle', 'waits'] as const) {
        await app.startWorker(kind);
      }
      await request(`${app.pprof}/heap`);
      takeProfile(`${app.pprof}/profile?seconds=30`).catch(() => undefined);
      await app.capturing();
      await app.process.until<number>('openSessions', (open) => open > 1);
      app.process.call(command, argument).catch(() => undefined);
      expect(await app.process.exited).toEqual({ code, signal: null });
      expect(app.process.output).not.toMatch(/debugger/i);
    },
  );
});

describe('a process whose last act is to stop the profiler', () => {
  afterEach(killProcesses);

  it('does not end before that has stopped, also during a capture', async () => {
    const app = await ThreadsApp.start();
    openRequest(`${app.pprof}/profile?seconds=300&format=cpuprofile`).cut.catch(() => undefined);
    await app.process.until<number>('openSessions', (open) => open > 0);
    app.process.call('stopAtLast').catch(() => undefined);
    expect(await app.process.exited).toEqual({ code: 0, signal: null });
    expect(app.process.output).toMatch(/^stopped$/m);
  });
});

/** Settles when all that makes profiles is loaded, which those who are busy would hold up. */
async function makesProfiles(app: ThreadsApp): Promise<void> {
  await request(`${app.pprof}/cmdline`);
}

/** What the comment says that was taken. */
function threadsTaken(raw: string): Set<string> {
  const [, list = ''] = /^Comment: threads: (.*)$/m.exec(raw) ?? [];
  return new Set(list.split(/ \(by [^)]*\)(?:, |$)/).filter(Boolean));
}

/** Values of the label `thread` of all samples. */
function labelsIn(raw: string): Set<string> {
  return new Set([...raw.matchAll(/^ +thread:\[(.*?)\](?: \w+:\[|\s*$)/gm)].map(([, label]) => label!));
}
