import { fileURLToPath } from 'node:url';
import { afterEach, expect } from '@jest/globals';
import { readPprof } from '../../packages/nestjs-pprof/test-fixtures/pprof-rules.js';
import { AppProcess, killProcesses } from '../support/app.process.js';
import { profilerOf } from '../support/fixture.app.js';
import { request, requestUntil, served } from '../support/http.request.js';
import { itWhere } from '../support/needed.tool.js';

// A loop that V8 compiled while it ran, in code that nobody has seen being compiled. It takes the kernel's clock of the thread
// to know that it burns CPU.

afterEach(killProcesses);

const WHOLE = ['leaf', 'f8', 'f7', 'f6', 'f5', 'f4', 'f3', 'f2', 'f1', 'turn'];
const INLINED = ['leaf', 'turn'];

async function start(where: 'main' | 'worker'): Promise<string> {
  const app = new AppProcess(fileURLToPath(new URL('fixtures/endless-loop.app.mjs', import.meta.url)), {
    env: { PPROF_OPTIONS: JSON.stringify({}) },
  });
  const origin = await profilerOf(app);
  await request(`${origin}/debug/pprof/threadcreate`);
  await app.call('begin', where);
  return `${origin}/debug/pprof`;
}

/** Stacks, innermost function first, of what is not idle; with the share of each. */
async function stacks(url: string) {
  const { samples, comments } = readPprof((await served(url)).body);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const total = sum(samples.map(({ values }) => values[0]!));
  const found = samples.map(({ stack, values }) => ({
    names: stack.map(({ name }) => name.split(' ', 1)[0]),
    share: values[0]! / total,
  }));
  return { found, comments };
}

/** Settles when the thread does not leave the loop any more. */
async function untilLooping(pprof: string, state: RegExp): Promise<void> {
  await requestUntil(
    `${pprof}/goroutine?debug=2`,
    ({ text }) => state.test(text) && text.includes('\nleaf '),
  );
}

const isLinux = process.platform === 'linux';

itWhere(isLinux, 'not Linux', 'a stuck main thread shows its whole stack, to each who asks', async () => {
  const pprof = await start('main');
  await untilLooping(pprof, /^thread main \[stuck/m);
  for (const path of ['goroutine?threads=main', 'profile?seconds=1&threads=main', 'goroutine']) {
    const { found, comments } = await stacks(`${pprof}/${path}`);
    const [most] = found.toSorted((a, b) => b.share - a.share);
    expect(most?.names.slice(0, WHOLE.length)).toEqual(WHOLE);
    expect(comments).toContainEqual(expect.stringMatching(/^main: it burned CPU without moving/));
  }
});

itWhere(
  isLinux,
  'not Linux',
  'a worker in an endless loop shows the function it loops in, to each who asks',
  async () => {
    const pprof = await start('worker');
    await untilLooping(pprof, /^thread worker \d+ \[running/m);
    for (const path of ['profile?seconds=1', 'goroutine', 'profile?seconds=1']) {
      let most: ReadonlyArray<string | undefined> | undefined;
      let comments: readonly string[];
      do {
        const answer = await stacks(`${pprof}/${path}`);
        const inLoop = answer.found.filter(({ names }) => names.includes('turn'));
        most = inLoop.toSorted((a, b) => b.share - a.share)[0]?.names.slice(0, WHOLE.length);
        comments = answer.comments;
        // A thread that the kernel does not show to burn CPU, as it hardly gets a processor, is left alone.
      } while (most?.[0] !== 'leaf' && !comments.some((text) => text.includes('burned CPU without moving')));
      // What V8 had inlined into a function that is never returned to, before anybody asked, it does not show.
      expect([WHOLE, INLINED]).toContainEqual(most?.slice(0, most.indexOf('turn') + 1));
    }
  },
);
