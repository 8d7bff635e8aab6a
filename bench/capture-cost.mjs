/**
 * Throughput and latency of the example while a CPU profile is taken, its start and its end included, against none.
 *
 *   node bench/capture-cost.mjs [--hz 100] [--capture 5] [--path '/orders?limit=20'] [--connections 10] [--rounds 4]
 *                               [--warmup 2] [--budget 110]
 *
 * With --control no profile is taken at all: what differs then is noise.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { readArguments } from './support/arguments.mjs';
import { startExample } from './support/child.mjs';
import { underLoad } from './support/load.mjs';
import { machine, report } from './support/report.mjs';
import { abba, runRounds } from './support/rounds.mjs';
import { geometricMean, median, summarize } from './support/statistics.mjs';

const COLUMNS = {
  'requests/s': { key: 'requestsPerSecond', digits: 0 },
  'CPU µs/request': { key: 'cpuMicrosPerRequest', digits: 1 },
  'p50 ms': { key: 'p50', digits: 2 },
  'p99 ms': { key: 'p99', digits: 2 },
  'max ms': { key: 'max', digits: 1 },
};

const { hz, capture, path, connections, warmup, control, ...limits } = readArguments({
  hz: 100,
  capture: 5,
  path: '/orders?limit=20',
  connections: 10,
  rounds: 4,
  warmup: 2,
  budget: 110,
  control: false,
});

const where = machine();
const rounds = await runRounds(limits, async (index) => {
  const app = await startExample({ enabled: true });
  const round = { none: [], capturing: [] };
  try {
    await underLoad({ ...app, path, connections }, async (during) => {
      await delay(warmup * 1000);
      if (!control) {
        // The first profile loads the server's framework, in its own thread; it is paid once.
        await takeProfile(app, 1);
      }
      for (const name of abba(index, 'none', 'capturing')) {
        const isCapturing = name === 'capturing' && !control;
        round[name].push(
          await during(() => (isCapturing ? takeProfile(app, capture) : delay(capture * 1000))),
        );
      }
    });
  } finally {
    await app.stop();
  }
  return round;
});

const ratios = Object.fromEntries(
  Object.values(COLUMNS).map(({ key }) => [key, summarize(rounds.map((round) => ratioOf(round, key)))]),
);
const rows = [
  row('no capture', 'none'),
  row(control ? 'no capture, again' : `capture at ${hz} Hz`, 'capturing'),
  ratioRow('ratio, median', ({ median: middle }) => middle),
  ratioRow('lower quartile', ({ quartiles }) => quartiles[0]),
  ratioRow('upper quartile', ({ quartiles }) => quartiles[1]),
];
report({
  name: control ? 'capture-cost, control' : 'capture-cost',
  machine: where,
  rows,
  details: { path, connections, hz, captureSeconds: capture, rounds: rounds.length, ratios },
});

async function takeProfile({ profiling }, seconds) {
  const response = await fetch(`${profiling}/profile?seconds=${seconds}&hz=${hz}`);
  const body = await response.arrayBuffer();
  if (response.status !== 200) {
    throw new Error(`profile: ${response.status} ${Buffer.from(body).toString().trim()}`);
  }
}

function ratioOf(round, key) {
  const mean = (name) => geometricMean(round[name].map((run) => run[key]));
  return mean('capturing') / mean('none');
}

function row(title, name) {
  const runs = rounds.flatMap((round) => round[name]);
  return tableRow(title, ({ key, digits }) => median(runs.map((run) => run[key])).toFixed(digits));
}

function ratioRow(title, pick) {
  return tableRow(title, ({ key }) => pick(ratios[key]).toFixed(3));
}

function tableRow(title, cell) {
  const cells = Object.entries(COLUMNS).map(([column, how]) => [column, cell(how)]);
  return { [`GET ${path}`]: title, ...Object.fromEntries(cells) };
}
