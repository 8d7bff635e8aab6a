import { setTimeout as delay } from 'node:timers/promises';
import { get, withApp } from '../support/app.mjs';
import { runRounds } from '../support/rounds.mjs';

const CLIENTS = [1, 5, 20, 100];

export const moments = {
  name: 'moments',
  title: 'Many look at the same moment',
  share: 25,
  tables: [
    {
      id: 'goroutine',
      title: '`goroutine`, asked for by many at once',
      text: `Of an application without load with two worker threads, against one that asks alone. The cost is shared where the answer is.`,
      base: 'alone',
      control: 'again',
      rows: {
        alone: { label: '1 client' },
        again: { label: '1 client, again (control)' },
        ...Object.fromEntries(
          CLIENTS.slice(1).map((count) => [`clients${count}`, { label: `${count} clients`, kind: 'ours' }]),
        ),
      },
      columns: {
        mainCpu: { label: 'main’s CPU', unit: 'ms', digits: 1, compare: 'ratio', better: 'lower' },
        delay: { label: 'longest delay', unit: 'ms', digits: 1, compare: 'ratio', better: 'lower' },
      },
      says: ['mainCpu', 'delay'],
    },
  ],
  async run({ node, limits }) {
    const cases = { alone: 1, again: 1, clients5: 5, clients20: 20, clients100: 100 };
    return {
      goroutine: await withApp(node, { profiler: 'nestjs-pprof', workers: 2 }, async (app) => {
        const ask = () => get(`${app.profiling}/goroutine`);
        // The first loads the server, in its own thread; it is paid once.
        await ask();
        await app.child.ask('watchDelays');
        return runRounds({ ...limits, fewest: 4 }, Object.keys(cases), async (name) => {
          await delay(300);
          await app.child.ask('read');
          await Promise.all(Array.from({ length: cases[name] }, ask));
          // The delay is counted when the loop turns again.
          await delay(50);
          const { cpuMicros, delay: longest } = await app.child.ask('read');
          return { [name]: { at: { mainCpu: cpuMicros / 1000, delay: longest } } };
        });
      }),
    };
  },
};
