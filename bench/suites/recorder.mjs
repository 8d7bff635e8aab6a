import { setTimeout as delay } from 'node:timers/promises';
import { get, measured, withApp } from '../support/app.mjs';
import { underLoad } from '../support/load.mjs';
import { part, runRounds } from '../support/rounds.mjs';

const WINDOW_MS = 1800;
/** Until V8 has started its profiler, and the profiling thread is idle. */
const SETTLE_MS = 1000;
const WARM_MS = 1500;
/** Between two rotations: less is the same look at the past. */
const ROTATION_MS = 2500;

export const recorder = {
  name: 'recorder',
  title: 'The flight recorder',
  share: 50,
  tables: [
    {
      id: 'cost',
      title: 'Switched on and off within one process',
      text: `The profiler with nothing but the recorder, at 20 Hz (its default is 19), under load, against the same process with the profiler off.`,
      base: 'off',
      control: 'again',
      rows: {
        off: { label: 'off' },
        again: { label: 'off, again (control)' },
        on: { label: 'flight recorder on', kind: 'ours' },
      },
      columns: {
        mainCpu: { label: 'main’s CPU a request', unit: 'µs', digits: 1, compare: 'ratio', better: 'lower' },
        throughput: { label: 'requests/s', digits: 0, compare: 'ratio', better: 'higher' },
        p99: { label: 'p99', unit: 'ms', digits: 2, compare: 'ratio', better: 'lower' },
      },
      says: ['mainCpu', 'throughput'],
    },
    {
      id: 'stalls',
      title: 'The longest delay of the event loop',
      text: `With the TypeScript compiler in the process, under load: the one start of V8's profiler; and a look at the past, which ends a window
(otherwise one ends every 15 s), against as much time without.`,
      base: 'calm',
      control: 'calm-again',
      rows: {
        calm: { label: 'nothing' },
        'calm-again': { label: 'nothing, again (control)' },
        rotation: { label: 'the end of a window', kind: 'ours' },
        start: { label: 'the start', kind: 'ours' },
      },
      columns: {
        delay: { label: 'longest delay', unit: 'ms', digits: 1, compare: 'difference', better: 'lower' },
      },
      says: ['delay'],
    },
  ],
  async run({ node, limits }) {
    return {
      cost: await cost(node, part(limits, 0.6)),
      stalls: await stalls(node, part(limits, 0.4)),
    };
  },
};

const CONFIG = {
  profiler: 'nestjs-pprof',
  options: { enabled: false, heap: false, flightRecorder: { hz: 20 } },
  typescript: true,
};

function cost(node, limits) {
  return withApp(node, CONFIG, (app) =>
    underLoad(app, async (measure) => {
      await delay(WARM_MS);
      return runRounds(limits, ['off', 'on', 'again'], async (name) => {
        await app.child.ask(name === 'on' ? 'start' : 'stop');
        await delay(SETTLE_MS);
        return { [name]: { at: await measured(app, measure, () => delay(WINDOW_MS)) } };
      });
    }),
  );
}

function stalls(node, limits) {
  return runRounds(limits, ['all'], () =>
    withApp(node, CONFIG, (app) =>
      underLoad(app, async () => {
        await delay(WARM_MS);
        await app.child.ask('watchDelays');
        const longest = async (task) => {
          await app.child.ask('compile');
          await delay(100);
          await app.child.ask('read');
          await task();
          return { at: { delay: (await app.child.ask('read')).delay } };
        };
        let profiling;
        const rows = {
          calm: await longest(() => delay(1000)),
          start: await longest(async () => {
            const { host, port } = await app.child.ask('start');
            profiling = `http://${host}:${port}/debug/pprof`;
            await delay(1000);
          }),
        };
        await delay(ROTATION_MS);
        rows['calm-again'] = await longest(() => delay(1000));
        rows.rotation = await longest(() => Promise.all([get(`${profiling}/profile?past=2`), delay(1000)]));
        return rows;
      }),
    ),
  );
}
