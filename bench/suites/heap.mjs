import { setTimeout as delay } from 'node:timers/promises';
import { measured, withApp } from '../support/app.mjs';
import { IMPORTS, LIGHT, underLoad } from '../support/load.mjs';
import { part, runRounds } from '../support/rounds.mjs';

const KB = 1024;
const WINDOW_MS = 1200;
const SETTLE_MS = 400;
const WARM_MS = 1500;
const LEAK_BYTES = 10e6;
const LEAKS = 4;

const INTERVALS = { k512: 512 * KB, m2: 2048 * KB, m8: 8192 * KB };
const SAMPLED = {
  k512: { label: 'one in 512 KiB', kind: 'ours' },
  m2: { label: 'one in 2 MiB', kind: 'ours' },
  m8: { label: 'one in 8 MiB', kind: 'ours' },
};

const cost = (id, title, text) => ({
  id,
  title,
  text: `V8's sampling heap profiler, started and stopped through the addon within one process, under load: ${text}`,
  base: 'off',
  control: 'again',
  rows: { off: { label: 'off' }, again: { label: 'off, again (control)' }, ...SAMPLED },
  columns: {
    mainCpu: { label: 'main’s CPU a request', unit: 'µs', digits: 2, compare: 'ratio', better: 'lower' },
    throughput: { label: 'requests/s', digits: 0, compare: 'ratio', better: 'higher' },
    p99: { label: 'p99', unit: 'ms', digits: 2, compare: 'ratio', better: 'lower' },
  },
  says: ['mainCpu', 'p99'],
});

export const heap = {
  name: 'heap',
  title: 'Heap sampling that is always on',
  share: 80,
  tables: [
    cost('light', 'An ordinary route', '`GET /health`, as many requests as there can be.'),
    cost(
      'heavy',
      'A route that allocates much',
      '`POST /imports/stock`, which copies everything for each line of its list, by way of JSON.',
    ),
    {
      id: 'leak',
      title: 'What the interval finds',
      text: `${LEAK_BYTES / 1e6} MB in small objects, allocated by one function and kept: how much of it the profile shows below that function.`,
      base: 'k512',
      control: 'again',
      rows: { ...SAMPLED, again: { label: 'one in 512 KiB, again (control)' } },
      columns: { found: { label: 'found', unit: '%', digits: 0, better: 'higher' } },
      says: ['found'],
      chart: 'found',
    },
  ],
  async run({ node, limits }) {
    const toggled = (requests) =>
      withApp(node, { profiler: 'datadog', typescript: true }, (app) =>
        underLoad({ ...app, requests }, async (measure) => {
          await delay(WARM_MS);
          return runRounds(part(limits, 0.45), ['off', 'k512', 'm2', 'm8', 'again'], async (name) => {
            await app.child.ask('sampleHeap', INTERVALS[name] ?? 0);
            await delay(SETTLE_MS);
            return { [name]: { at: await measured(app, measure, () => delay(WINDOW_MS)) } };
          });
        }),
      );
    return {
      light: await toggled(LIGHT),
      heavy: await toggled(IMPORTS),
      leak: await leaks(node, part(limits, 0.1)),
    };
  },
};

function leaks(node, limits) {
  return withApp(node, { profiler: 'datadog' }, (app) =>
    runRounds(limits, ['k512', 'm2', 'm8', 'again'], async (name) => {
      const found = [];
      for (let index = 0; index < LEAKS; index += 1) {
        await app.child.ask('sampleHeap', INTERVALS[name] ?? INTERVALS.k512);
        found.push({ at: { found: 100 * (await app.child.ask('findLeak', LEAK_BYTES)) } });
      }
      return { [name]: found };
    }),
  );
}
