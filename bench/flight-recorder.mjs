/**
 * What the flight recorder costs the main thread: CPU for each request by the thread's own clock, switched on and off within one
 * process; how long it is held up when a window ends, with the TypeScript compiler in the process; memory. Node 22.19 and later.
 *
 *   node bench/flight-recorder.mjs [--hz 20] [--labels] [--control] [--connections 10] [--rounds 8] [--seconds 3] [--budget 110]
 *
 * With --control it is never switched on: what differs then is noise.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { readArguments } from './support/arguments.mjs';
import { APP_LINE, Child } from './support/child.mjs';
import { underLoad } from './support/load.mjs';
import { machine, report } from './support/report.mjs';
import { abba, runRounds } from './support/rounds.mjs';
import { median, summarize } from './support/statistics.mjs';

const { hz, labels, control, connections, seconds, ...limits } = readArguments({
  hz: 20,
  labels: false,
  control: false,
  connections: 10,
  rounds: 8,
  seconds: 3,
  budget: 110,
});

/** Until V8 has started its profiler, and the profiling thread is idle. */
const SETTLE_SECONDS = 1;
const MB = 1024 * 1024;
const OPTIONS = { heap: false, flightRecorder: { hz, labels } };

const where = machine();
const light = await start([]);
const rounds = await underLoad({ ...light, path: '/', connections }, (measure) =>
  runRounds(limits, async (index) => {
    const round = { off: [], on: [] };
    for (const mode of abba(index, 'off', 'on')) {
      await light.ask(mode === 'on' && !control ? 'on' : 'off');
      await delay(SETTLE_SECONDS * 1000);
      await light.ask('read');
      const { requestsPerSecond, p99 } = await measure(() => delay(seconds * 1000));
      const { cpuMicros, answers, rss } = await light.ask('read');
      round[mode].push({ requestsPerSecond, p99, cpuMicros: cpuMicros / answers, rss: rss / MB });
    }
    return round;
  }),
);
await light.stop();
const pauses = await pausesWithCompiler();

const middle = (mode, key) => median(rounds.flatMap((round) => round[mode]).map((run) => run[key]));
const ratio = (key) =>
  summarize(rounds.map(({ on, off }) => mean(on.map((run) => run[key])) / mean(off.map((run) => run[key]))));
report({
  name: `flight-recorder, ${control ? 'control' : `${hz} Hz${labels ? ' with labels' : ''}`}`,
  machine: where,
  rows: ['off', 'on'].map((mode) => ({
    mode,
    'main CPU µs/request': middle(mode, 'cpuMicros').toFixed(2),
    'requests/s': middle(mode, 'requestsPerSecond').toFixed(0),
    'p99 ms': middle(mode, 'p99').toFixed(2),
    'RSS MB': middle(mode, 'rss').toFixed(1),
  })),
  details: {
    rounds: rounds.length,
    cpuPerRequest: ratio('cpuMicros'),
    throughput: ratio('requestsPerSecond'),
    p99: ratio('p99'),
    rotationMs: summarize(pauses.rotations),
    startMs: pauses.start,
  },
});

/** Each look at the past ends a window. */
async function pausesWithCompiler() {
  const app = await start(['typescript']);
  const { url } = await app.ask('on');
  await delay(3000);
  const { longest } = await app.ask('read');
  const rotations = [];
  for (let index = 0; index < 6; index++) {
    await delay(index === 0 ? 14_000 : 2500);
    await fetch(`${url}profile?past=1`);
    rotations.push((await app.ask('read')).longest);
  }
  await app.stop();
  return { start: longest, rotations };
}

async function start(args) {
  const app = new Child({
    script: new URL('./fixtures/recorder.app.mjs', import.meta.url),
    args: [JSON.stringify(OPTIONS), ...args],
    ipc: true,
  });
  const [url] = await app.printed([APP_LINE]);
  return { url, pid: app.pid, ask: (message) => app.ask(message), stop: () => app.stop() };
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
