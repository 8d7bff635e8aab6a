import { setTimeout as delay } from 'node:timers/promises';
import { get, measured, withApp } from '../support/app.mjs';
import { underLoad } from '../support/load.mjs';
import { residentMemory } from '../support/proc.mjs';
import { part, runRounds } from '../support/rounds.mjs';

const MB = 1024 * 1024;
const WARM_MS = 1000;
const WINDOW_MS = 1300;
/** Until the profiling thread has started, or ended. */
const SETTLE_MS = 600;
const CAPTURES = 10;

const OURS = { profiler: 'nestjs-pprof' };
const PROCESSES = {
  absent: {},
  again: {},
  disabled: { ...OURS, options: { enabled: false } },
  enabled: OURS,
  visited: OURS,
  recorder: { ...OURS, options: { flightRecorder: { hz: 20 } } },
  pyroscope: { profiler: 'pyroscope' },
  'dd-trace': { profiler: 'dd-trace' },
  flame: { profiler: 'flame' },
};

const LOAD = {
  mainCpu: { label: 'main’s CPU a request', unit: 'µs', digits: 1, compare: 'ratio', better: 'lower' },
  throughput: { label: 'requests/s', digits: 0, compare: 'ratio', better: 'higher' },
  p50: { label: 'p50', unit: 'ms', digits: 2, compare: 'ratio', better: 'lower' },
  p99: { label: 'p99', unit: 'ms', digits: 2, compare: 'ratio', better: 'lower' },
};
const RSS = { label: 'resident memory', unit: 'MB', digits: 1, compare: 'difference', better: 'lower' };

export const idle = {
  name: 'idle',
  title: 'Idle: switched on, never asked',
  share: 180,
  tables: [
    {
      id: 'toggled',
      title: 'Switched on and off within one process',
      text: `\`PprofService.start()\` and \`stop()\` under load, in turn, so that what differs from one process to the next is in neither. The
control stays off.`,
      base: 'off',
      control: 'again',
      rows: {
        off: { label: 'off' },
        again: { label: 'off, again (control)' },
        on: { label: 'nestjs-pprof, on', kind: 'ours' },
      },
      columns: LOAD,
      says: ['mainCpu', 'throughput'],
      chart: 'mainCpu',
    },
    {
      id: 'processes',
      title: 'Each in a new process',
      text: `Each round starts each of them anew. Start-up is the main thread's own CPU time from the import of the profiler to the listener;
memory is taken after the load, and after two garbage collections. The always-on profilers of others sample all the time, as our flight
recorder does (20 Hz; dd-trace 99 Hz, flame 1 kHz, each with heap sampling, their defaults). dd-trace's profiler writes files here, without tracing; flame writes at the
end of the process alone. Pyroscope's is the middleware, mounted; what it pushes to needs a backend, and is not measured.`,
      base: 'absent',
      control: 'again',
      rows: {
        absent: { label: 'module absent' },
        again: { label: 'module absent, again (control)' },
        disabled: { label: 'nestjs-pprof, `enabled: false`', kind: 'ours' },
        enabled: { label: 'nestjs-pprof, on', kind: 'ours', beside: ['pyroscope'] },
        visited: { label: 'nestjs-pprof, after a capture', kind: 'ours', beside: ['pyroscope'] },
        pyroscope: { label: '@pyroscope/nodejs, middleware', kind: 'peer' },
        recorder: {
          label: 'nestjs-pprof, flight recorder on',
          kind: 'ours',
          beside: ['dd-trace', 'flame'],
        },
        'dd-trace': { label: 'dd-trace, profiler on', kind: 'peer' },
        flame: { label: '@platformatic/flame, on', kind: 'peer' },
      },
      columns: {
        ...LOAD,
        rss: RSS,
        setup: { label: 'start-up', unit: 'ms CPU', digits: 0, compare: 'difference', better: 'lower' },
      },
      says: ['mainCpu', 'rss', 'setup'],
      chart: 'rss',
    },
    {
      id: 'visited',
      title: `Memory after ${CAPTURES} captures`,
      text: `Resident memory of processes without load, after ${CAPTURES} CPU captures of a second and two garbage collections. They run side by
side, as memory does not mind.`,
      base: 'absent',
      control: 'again',
      rows: {
        absent: { label: 'module absent' },
        again: { label: 'module absent, again (control)' },
        ours: { label: 'nestjs-pprof', kind: 'ours', beside: ['pyroscope', 'datadog', 'inspector'] },
        pyroscope: { label: '@pyroscope/nodejs', kind: 'peer' },
        datadog: { label: '@datadog/pprof on main', kind: 'peer' },
        inspector: { label: 'inspector on main', kind: 'peer' },
      },
      columns: { rss: RSS },
      says: ['rss'],
    },
  ],
  async run({ node, limits }) {
    return {
      toggled: await toggled(node, part(limits, 0.27)),
      processes: await runRounds(part(limits, 0.55), Object.keys(PROCESSES), (name) => inProcess(node, name)),
      visited: await visited(node, part(limits, 0.15, 1)),
    };
  },
};

function toggled(node, limits) {
  return withApp(node, { ...OURS, options: { enabled: false }, typescript: true }, (app) =>
    underLoad(app, async (measure) => {
      await delay(2 * WARM_MS);
      return runRounds(limits, ['off', 'on', 'again'], async (name) => {
        await app.child.ask(name === 'on' ? 'start' : 'stop');
        await delay(SETTLE_MS);
        return { [name]: { at: await measured(app, measure, () => delay(WINDOW_MS)) } };
      });
    }),
  );
}

function inProcess(node, name) {
  return withApp(node, { ...PROCESSES[name], typescript: true }, async (app) => {
    const { setupMillis } = await app.child.ask('read');
    if (name === 'visited') {
      await get(`${app.profiling}/profile?seconds=1`);
    }
    const load = await underLoad(app, async (measure) => {
      await delay(WARM_MS);
      return measured(app, measure, () => delay(WINDOW_MS));
    });
    if (name === 'dd-trace' || name === 'flame') {
      await app.child.ask('assertSampling');
    }
    await app.child.ask('collectGarbage');
    return { [name]: { at: { ...load, rss: residentMemory(app.child.pid).total / MB, setup: setupMillis } } };
  });
}

const CAPTURING = {
  absent: [{}, () => undefined],
  again: [{}, () => undefined],
  ours: [OURS, ({ profiling }) => get(`${profiling}/profile?seconds=1`)],
  pyroscope: [{ profiler: 'pyroscope' }, ({ url }) => get(`${url}/debug/pprof/profile?seconds=1`)],
  datadog: [{ profiler: 'datadog' }, ({ child }) => child.ask('capture', 1)],
  inspector: [{ profiler: 'inspector' }, ({ child }) => child.ask('capture', 1)],
};

function visited(node, limits) {
  const missing = {};
  return runRounds(limits, ['all'], async () => {
    const rows = await Promise.all(
      Object.entries(CAPTURING).map(async ([name, [config, take]]) => {
        try {
          return [[name, { at: { rss: await memoryAfter(node, config, take) } }]];
        } catch (error) {
          missing[name] = error.message;
          return [];
        }
      }),
    );
    return Object.fromEntries(rows.flat());
  }).then((result) => ({ ...result, missing: { ...result.missing, ...missing } }));
}

function memoryAfter(node, config, take) {
  return withApp(node, { ...config, typescript: true }, async (app) => {
    for (let index = 0; index < CAPTURES; index += 1) {
      await take(app);
    }
    await app.child.ask('collectGarbage');
    return residentMemory(app.child.pid).total / MB;
  });
}
