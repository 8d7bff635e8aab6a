import { setTimeout as delay } from 'node:timers/promises';
import { get, measured, withApp } from '../support/app.mjs';
import { LIGHT, underLoad } from '../support/load.mjs';
import { part, runRounds } from '../support/rounds.mjs';

const WINDOW_MS = 1500;
const START_MS = 500;
const WARM_MS = 1500;
const PLATFORMS = ['express', 'fastify'];
const CASES = ['none', 'unlabelled', 'again', 'labelled'];

const table = (platform, title) => ({
  id: platform,
  title: `On ${title}`,
  text: `\`GET /health\`, which answers a constant, so that whatever a request costs shows most: windows without a capture and in the middle of
captures at 100 Hz take turns in one process.`,
  base: 'none',
  control: 'again',
  rows: {
    none: { label: 'no capture' },
    again: { label: 'no capture, again (control)' },
    unlabelled: { label: 'a capture without labels', kind: 'ours' },
    labelled: { label: 'a capture with labels', kind: 'ours', beside: ['unlabelled'] },
  },
  columns: {
    mainCpu: { label: 'main’s CPU a request', unit: 'µs', digits: 2, compare: 'ratio', better: 'lower' },
    throughput: { label: 'requests/s', digits: 0, compare: 'ratio', better: 'higher' },
  },
  says: ['mainCpu', 'throughput'],
});

export const labels = {
  name: 'labels',
  title: 'Labels, on a route that does nothing else',
  share: 50,
  tables: [table('express', 'Express'), table('fastify', 'Fastify')],
  async run({ node, limits }) {
    const tables = {};
    for (const platform of PLATFORMS) {
      tables[platform] = await measure(node, platform, part(limits, 1 / PLATFORMS.length));
    }
    return tables;
  },
};

function measure(node, platform, limits) {
  const config = { profiler: 'nestjs-pprof', options: { heap: false, keepWarm: 0 }, platform, light: true };
  return withApp(node, config, (app) =>
    underLoad({ ...app, requests: LIGHT }, async (during) => {
      await delay(WARM_MS);
      return runRounds(limits, CASES, async (name) => ({
        [name]: { at: await window(app, during, name) },
      }));
    }),
  );
}

/** Without the beginning and the end of the capture, which are the same with labels and without. */
async function window(app, during, name) {
  const isCapturing = name === 'labelled' || name === 'unlabelled';
  const profile =
    isCapturing && get(`${app.profiling}/profile?seconds=3&hz=100&labels=${name === 'labelled'}`);
  await delay(START_MS);
  const figures = await measured(app, during, () => delay(WINDOW_MS));
  await profile;
  return { mainCpu: figures.mainCpu, throughput: figures.throughput };
}
