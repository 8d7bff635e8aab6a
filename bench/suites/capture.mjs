import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { get, temporaryDirectory, withApp } from '../support/app.mjs';
import { Child } from '../support/child.mjs';
import { LIST, underLoad } from '../support/load.mjs';
import { goCommand } from '../support/machine.mjs';
import { cpuTime } from '../support/proc.mjs';
import { runRounds } from '../support/rounds.mjs';
import { mean } from '../support/statistics.mjs';

const SECONDS = 2;
/** Where there is time for it (`--budget 100`): as long as people ask for. */
const LONG = { seconds: 30, from: 1300 };
/** The beginning of a capture, which has V8 list all code. */
const START_MS = 500;
/** After the answer: the delay of a loop counts when it turns again. */
const REST_MS = 150;
const WARM_MS = 1500;

const NONE = 'none';
const WITHOUT_CAPTURE = new Set([NONE, 'between']);

const HERE = new URL('.', import.meta.url);

/** How each takes a profile of so many seconds at 100 Hz, what it tells of it, and the windows of a process. */
const WAYS = {
  ours: {
    config: { profiler: 'nestjs-pprof' },
    // Two that start V8's profiler; then it is kept warm, also between captures.
    windows: [NONE, 'cold', NONE, 'cold', 'between', 'warm', 'labels', NONE],
    // What is warm ends before the last of them.
    async cool({ child }) {
      await child.ask('stop');
      await child.ask('start');
    },
    // The first request loads the server, in its own thread, which is paid once: see the suite "answers".
    prepare: ({ profiling }) => get(`${profiling}/cmdline`),
    async take({ profiling }, name, seconds) {
      const profile = await get(`${profiling}/profile?seconds=${seconds}&hz=100&labels=${name === 'labels'}`);
      return startOf(gunzipSync(profile).toString('latin1'));
    },
  },
  pyroscope: {
    config: { profiler: 'pyroscope' },
    windows: [NONE, 'pyroscope', NONE],
    take: ({ url }, _, seconds) => get(`${url}/debug/pprof/profile?seconds=${seconds}`),
  },
  datadog: {
    config: { profiler: 'datadog' },
    windows: [NONE, 'datadog', NONE],
    take: ({ child }, _, seconds) => child.ask('capture', seconds, 1000 * (seconds + 30)),
  },
  inspector: {
    config: { profiler: 'inspector' },
    windows: [NONE, 'inspector', NONE],
    take: ({ child }, _, seconds) => child.ask('capture', seconds, 1000 * (seconds + 30)),
  },
};

const PEERS = ['pyroscope', 'datadog', 'inspector'];

const ROWS = {
  none: { label: 'no capture, against no capture (control)' },
  cold: { label: 'nestjs-pprof, cold', kind: 'ours', beside: PEERS },
  warm: { label: 'nestjs-pprof, warm', kind: 'ours', beside: PEERS },
  labels: { label: 'nestjs-pprof, with labels', kind: 'ours', beside: PEERS },
  between: { label: 'nestjs-pprof, kept warm between captures', kind: 'ours' },
  pyroscope: { label: '@pyroscope/nodejs', kind: 'peer' },
  datadog: { label: '@datadog/pprof on main', kind: 'peer' },
  inspector: { label: 'inspector, 10 ms', kind: 'peer' },
  cpuProf: { label: '`--cpu-prof`, 10 ms', kind: 'peer' },
  go: { label: 'Go, its own net/http/pprof' },
};

export const capture = {
  name: 'capture',
  title: 'While profiling at 100 Hz',
  share: 210,
  tables: [
    {
      id: 'cost',
      versus: 'no capture',
      title: 'Between the start and the end of a capture',
      text: `Windows without a capture and in the middle of one take turns in one process, each against those without before and after it;
each profiler is in a process of its own. \`--cpu-prof\` cannot be switched on: it is compared to the process without it of the same round.
Go's service does about as much with one processor, and its CPU is that of the whole process.`,
      control: 'none',
      rows: ROWS,
      columns: {
        mainCpu: { label: 'main’s CPU a request', unit: 'µs', digits: 1, compare: 'ratio', better: 'lower' },
        throughput: { label: 'requests/s', digits: 0, compare: 'ratio', better: 'higher' },
        p99: { label: 'p99', unit: 'ms', digits: 2, compare: 'ratio', better: 'lower' },
      },
      says: ['mainCpu', 'throughput', 'p99'],
      chart: 'mainCpu',
    },
    {
      id: 'stalls',
      versus: 'no capture',
      title: 'Stalls: the longest delay of the event loop',
      text: `From the request on, and around its end, under load, with the TypeScript compiler in the process. The inspector's \`Profiler.start\` is V8's own
start, and nothing else: whoever starts V8's profiler waits for it. Ours is cold at the
first two captures of a process, and warm from then on where they come again and again.`,
      control: 'none',
      rows: ROWS,
      columns: {
        startDelay: { label: 'at the start', unit: 'ms', digits: 1, compare: 'difference', better: 'lower' },
        stopDelay: { label: 'at the end', unit: 'ms', digits: 1, compare: 'difference', better: 'lower' },
      },
      says: ['startDelay', 'stopDelay'],
      chart: 'startDelay',
    },
    {
      id: 'past',
      title: 'Past the window',
      text: `What the answer takes beyond the seconds that were asked for, to its last byte, under load; and what of it V8's start, the serialization
and the encoding take on the main thread, as far as they tell, or can be timed.`,
      rows: Object.fromEntries(
        Object.entries(ROWS).filter(([row]) => !['none', 'between', 'cpuProf'].includes(row)),
      ),
      columns: {
        past: { label: 'past the window', unit: 'ms', digits: 0, better: 'lower' },
        warm: { label: 'sampler found warm', unit: '%', digits: 0, better: 'higher' },
        start: { label: 'start, on main', unit: 'ms', digits: 1, better: 'lower' },
        serialize: { label: 'serialization, on main', unit: 'ms', digits: 1, better: 'lower' },
        encode: { label: 'encoding, on main', unit: 'ms', digits: 1, better: 'lower' },
      },
      says: ['past'],
    },
  ],
  async run({ node, limits }) {
    const length = limits.seconds < LONG.from ? SECONDS : LONG.seconds;
    const service = buildGo(limits.say);
    const cases = [...Object.keys(WAYS), 'cpuProf', ...(service ? ['go'] : [])];
    const { rounds, missing } = await runRounds(limits, cases, (name) =>
      name === 'go'
        ? inGo(service, length)
        : name === 'cpuProf'
          ? inCpuProf(node, length)
          : inProcess(node, WAYS[name], length),
    );
    const reasons = service ? missing : { ...missing, go: 'go is not there' };
    const table = (keys) => ({
      rounds: rounds.map((round) =>
        Object.fromEntries(
          Object.entries(round).map(([row, pairs]) => [
            row,
            [pairs].flat().map(({ at, against }) => ({
              at: only(at, keys),
              ...(against && { against: only(against, keys) }),
            })),
          ]),
        ),
      ),
      missing: reasons,
      note: `Captures of ${length} s.`,
    });
    return {
      cost: table(['mainCpu', 'throughput', 'p99']),
      stalls: table(['startDelay', 'stopDelay']),
      past: table(['past', 'warm', 'start', 'serialize', 'encode']),
    };
  },
};

function inProcess(node, way, seconds) {
  return withApp(node, { ...way.config, typescript: true }, (app) => alternate(app, way, seconds));
}

async function alternate(app, { windows: names, prepare, take, cool }, seconds) {
  await prepare?.(app);
  await app.child.ask('watchDelays');
  return underLoad(app, async (measure) => {
    await delay(WARM_MS);
    const windows = [];
    for (const name of names) {
      if (windows.length === names.length - 1) {
        await cool?.(app);
      }
      const capturing = WITHOUT_CAPTURE.has(name) ? undefined : () => take(app, name, seconds);
      windows.push({ name, at: await window(app, measure, seconds, capturing) });
    }
    const without = windows.filter(({ name }) => name === NONE).map(({ at }) => at);
    const rows = {
      none: without.slice(1).flatMap((at, index) => [
        { at, against: without[index] },
        { at: without[index], against: at },
      ]),
    };
    windows.forEach(({ name, at }, index) => {
      if (name !== NONE) {
        // The last without before it, and the first after it: an application gets faster for as long as it is compiled.
        const before = windows.slice(0, index).findLast((each) => each.name === NONE);
        const after = windows.slice(index).find((each) => each.name === NONE);
        (rows[name] ??= []).push({ at, against: averageOf([before.at, after.at]) });
      }
    });
    return rows;
  });
}

/** The same pieces of time with a capture and without one. */
async function window({ child }, measure, seconds, take) {
  await child.ask('compile');
  await delay(REST_MS);
  await child.ask('read');
  const began = performance.now();
  const capturing = take?.().then((answer) => ({ answer, millis: performance.now() - began }));
  // It may fail before it is waited for.
  capturing?.catch(() => undefined);
  await delay(START_MS);
  const start = await child.ask('read');
  const { throughput, p99, result } = await measure(async () => {
    await delay(middleOf(seconds));
    return child.ask('read');
  });
  const taken = await (capturing ?? delay(began + seconds * 1000 - performance.now()));
  await delay(REST_MS);
  const stop = await child.ask('read');
  return {
    mainCpu: result.cpuMicros / result.answers,
    throughput,
    p99,
    startDelay: start.delay,
    stopDelay: stop.delay,
    ...(taken && {
      past: taken.millis - seconds * 1000,
      ...only(taken.answer, ['warm', 'start', 'serialize', 'encode']),
    }),
  };
}

/** It starts with the process and writes when that exits: against a process without it, whose exit is timed, too. */
async function inCpuProf(node, seconds) {
  const one = (nodeArgs) =>
    withApp(
      node,
      { typescript: true },
      async (app) => {
        await app.child.ask('watchDelays');
        const at = await underLoad(app, async (measure) => {
          await delay(WARM_MS);
          return window(app, measure, seconds);
        });
        const began = performance.now();
        await app.child.ask('exit');
        await app.child.exited;
        return { ...only(at, ['mainCpu', 'throughput', 'p99']), stopDelay: performance.now() - began };
      },
      { nodeArgs },
    );
  const against = await one([]);
  const at = await one([
    '--cpu-prof',
    '--cpu-prof-interval',
    '10000',
    `--cpu-prof-dir=${temporaryDirectory()}`,
  ]);
  return { cpuProf: { at, against } };
}

async function inGo(service, seconds) {
  const child = new Child({ command: service, ipc: false });
  try {
    const [url] = await child.printed([/^Listening on (http:\S+)$/]);
    return await underLoad({ url, requests: LIST }, async (measure) => {
      await delay(WARM_MS);
      const windows = [];
      for (const isCapturing of [false, true, false]) {
        const began = performance.now();
        const capturing = isCapturing
          ? get(`${url}/debug/pprof/profile?seconds=${seconds}`)
          : delay(seconds * 1000);
        await delay(START_MS);
        const used = cpuTime(child.pid).process;
        const { answers, throughput, p99 } = await measure(() => delay(middleOf(seconds)));
        const mainCpu = (cpuTime(child.pid).process - used) / 1000 / answers;
        await capturing;
        const past = isCapturing ? performance.now() - began - seconds * 1000 : undefined;
        windows.push({ mainCpu, throughput, p99, past });
      }
      const [before, at, after] = windows;
      return { go: { at, against: averageOf([before, after]) } };
    });
  } finally {
    await child.stop();
  }
}

/** The path of the service; undefined where there is no Go. */
function buildGo(say) {
  const go = goCommand();
  const output = join(temporaryDirectory(), 'service');
  try {
    execFileSync(
      go ?? 'go',
      ['build', '-o', output, fileURLToPath(new URL('../fixtures/service.go', HERE))],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    return output;
  } catch (error) {
    say(`no Go service to compare with: ${error.message}`);
    return undefined;
  }
}

/** What the profile's comments say. */
function startOf(profile) {
  const held = /held main up for (\d+) ms/.exec(profile);
  return { warm: held ? 0 : 100, start: held ? Number(held[1]) : 0 };
}

/** Between the beginning of a capture and its end. */
function middleOf(seconds) {
  return seconds * 1000 - START_MS - 200;
}

function averageOf(windows) {
  return Object.fromEntries(
    Object.keys(windows[0]).map((key) => [key, mean(windows.map((each) => each[key] ?? Number.NaN))]),
  );
}

function only(figures, keys) {
  return Object.fromEntries(
    keys.filter((key) => Number.isFinite(figures[key])).map((key) => [key, figures[key]]),
  );
}
