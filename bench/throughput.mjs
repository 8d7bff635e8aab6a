/**
 * Throughput of the example with PprofModule switched on, and never asked for anything, against switched off.
 *
 *   node bench/throughput.mjs [--path /health] [--connections 10] [--rounds 6] [--seconds 2] [--warmup 2] [--budget 110]
 *
 * With --control both are switched off: what differs then is noise.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { readArguments } from './support/arguments.mjs';
import { startExample } from './support/child.mjs';
import { underLoad } from './support/load.mjs';
import { pairedRatios, pairedRows } from './support/paired.mjs';
import { machine, report } from './support/report.mjs';
import { abba, runRounds } from './support/rounds.mjs';
import { median } from './support/statistics.mjs';

const { path, connections, seconds, warmup, control, ...limits } = readArguments({
  path: '/health',
  connections: 10,
  rounds: 6,
  seconds: 2,
  warmup: 2,
  budget: 110,
  control: false,
});

const where = machine();
const rounds = await runRounds(limits, async (index) => {
  // New processes in each round: one may be faster than its twin for as long as it lives.
  const off = { name: 'off', app: await startExample({ enabled: false }) };
  const on = { name: 'on', app: await startExample({ enabled: !control }) };
  const round = { off: [], on: [] };
  try {
    for (const { app } of [off, on]) {
      await measure(app, warmup);
    }
    for (const { name, app } of abba(index, off, on)) {
      round[name].push(await measure(app, seconds));
    }
  } finally {
    await Promise.all([off.app.stop(), on.app.stop()]);
  }
  return round;
});

const ratios = pairedRatios(rounds, ['on', 'off']);
report({
  name: control ? 'throughput, control' : 'throughput',
  machine: where,
  rows: pairedRows({
    path,
    rounds,
    titles: { off: 'disabled', on: control ? 'disabled, again' : 'enabled, idle' },
    ratios,
  }),
  details: {
    path,
    connections,
    rounds: rounds.length,
    throughputRatio: ratios.throughput,
    cpuPerRequestRatio: ratios.cpuPerRequest,
    mainThreadBusy: median(rounds.flatMap(({ off, on }) => [...off, ...on]).map((run) => run.mainThreadBusy)),
  },
});

/** One server at a time is under load; the other one idles. */
async function measure({ url, pid }, duration) {
  return underLoad({ url, path, connections, pid }, (during) => during(() => delay(duration * 1000)));
}
