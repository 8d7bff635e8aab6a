import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { get, measured, startApp } from '../support/app.mjs';
import { Child } from '../support/child.mjs';
import { underLoad } from '../support/load.mjs';
import { runRounds } from '../support/rounds.mjs';

const ATTACKER = fileURLToPath(new URL('../fixtures/attacker.mjs', import.meta.url));
const CONNECTIONS = 200;
const WINDOW_MS = 1500;
const WARM_MS = 1000;
const KINDS = ['trickle', 'flood'];
const OURS = { profiler: 'nestjs-pprof', typescript: true };

export const hostile = {
  name: 'hostile',
  title: 'While others hold or flood the profiling port',
  share: 40,
  tables: [
    {
      id: 'cost',
      title: `${CONNECTIONS} hostile connections`,
      text: `They trickle headers, a byte every 100 ms, or flood the port with requests; the index page has to answer meanwhile. The attackers take processor time
themselves: so the controls are the application while another process on the same machine is attacked.`,
      control: 'calm',
      rows: {
        calm: { label: 'calm, against calm (control)' },
        trickle: { label: 'its profiling port held', kind: 'ours', beside: ['trickle-other'] },
        'trickle-other': { label: 'another process held (control)' },
        flood: { label: 'its profiling port flooded', kind: 'ours', beside: ['flood-other'] },
        'flood-other': { label: 'another process flooded (control)' },
      },
      columns: {
        mainCpu: { label: 'main’s CPU a request', unit: 'µs', digits: 1, compare: 'ratio', better: 'lower' },
        throughput: { label: 'requests/s', digits: 0, compare: 'ratio', better: 'higher' },
        p99: { label: 'p99', unit: 'ms', digits: 2, compare: 'ratio', better: 'lower' },
      },
      says: ['mainCpu', 'throughput'],
    },
  ],
  async run({ node, limits }) {
    const app = await startApp(node, OURS);
    const other = await startApp(node, OURS);
    try {
      // The first request loads the server, which is not what is measured.
      await Promise.all([get(`${app.profiling}/cmdline`), get(`${other.profiling}/cmdline`)]);
      return {
        cost: await underLoad(app, async (measure) => {
          await delay(WARM_MS);
          const window = () => measured(app, measure, () => delay(WINDOW_MS));
          return runRounds({ ...limits, fewest: 2 }, KINDS, async (kind) => {
            const windows = [];
            for (const victim of [undefined, app, undefined, other, undefined]) {
              windows.push(victim ? await attacked(node, kind, victim, window) : await window());
            }
            const [before, own, between, others, after] = windows;
            return {
              [kind]: { at: own, against: before },
              [`${kind}-other`]: { at: others, against: between },
              calm: { at: after, against: between },
            };
          });
        }),
      };
    } finally {
      await Promise.all([app.child.stop(), other.child.stop()]);
    }
  },
};

async function attacked(node, kind, victim, window) {
  const attacker = new Child({
    command: node.binary,
    args: [ATTACKER, new URL(victim.profiling).port, String(CONNECTIONS), kind],
  });
  try {
    await attacker.ask('start');
    await delay(200);
    const figures = await window();
    await get(`${victim.profiling}/`);
    return figures;
  } finally {
    await attacker.stop();
  }
}
