/**
 * What it costs to have PprofModule switched on and never asked for anything: memory, and time on the main thread.
 *
 *   node bench/idle-cost.mjs [--rounds 8] [--settle 1] [--budget 110]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { readArguments } from './support/arguments.mjs';
import { APP_LINE, Child, PPROF_LINE } from './support/child.mjs';
import { cpuTime, residentMemory } from './support/proc.mjs';
import { machine, report } from './support/report.mjs';
import { runRounds } from './support/rounds.mjs';
import { median, summarize } from './support/statistics.mjs';

const MODES = ['disabled', 'enabled-without-heap', 'enabled'];
const MB = 1024 * 1024;

const { settle, ...limits } = readArguments({ rounds: 8, settle: 1, budget: 110 });

const where = machine();
const rounds = await runRounds(limits, async (index) => {
  // Each round has another order, so that no mode always comes after the same other.
  const order = MODES.map((_, position) => MODES[(position + index) % MODES.length]);
  const round = {};
  for (const mode of order) {
    round[mode] = await run(mode);
  }
  return round;
});

const rows = MODES.map((mode) => ({
  mode,
  'RSS MB': middle(mode, 'rss').toFixed(1),
  '+ MB': signed(difference(mode, 'rss'), 1),
  'of which anonymous': signed(difference(mode, 'anonymous'), 1),
  'start ms': middle(mode, 'start').toFixed(2),
  'heap sampler ms': middle(mode, 'heapSampler').toFixed(2),
  'main thread CPU ms': middle(mode, 'mainThreadCpu').toFixed(0),
  '+ ms': signed(difference(mode, 'mainThreadCpu'), 0),
}));
report({
  name: 'idle-cost',
  machine: where,
  rows,
  details: {
    rounds: rounds.length,
    rssOverDisabledMb: spread('enabled', 'rss'),
    rssOverDisabledWithoutHeapMb: spread('enabled-without-heap', 'rss'),
    syncStartMs: summarize(valuesOf('enabled', 'start')),
    threadMs: summarize(valuesOf('enabled', 'thread')),
    heapSamplerMs: summarize(valuesOf('enabled', 'heapSampler')),
    importMs: summarize(valuesOf('disabled', 'import')),
    mainThreadCpuOverDisabledMs: spread('enabled', 'mainThreadCpu'),
  },
});

async function run(mode) {
  const app = new Child({
    script: new URL('./fixtures/idle.app.mjs', import.meta.url),
    args: [mode],
    nodeArgs: ['--expose-gc'],
    ipc: true,
  });
  try {
    await app.printed(mode === 'disabled' ? [APP_LINE] : [APP_LINE, PPROF_LINE]);
    await delay(settle * 1000);
    const mainThreadCpu = cpuTime(app.pid).mainThread / 1e6;
    const spent = await app.ask('settle');
    await delay(settle * 1000);
    const { total, anonymous } = residentMemory(app.pid);
    return {
      rss: total / MB,
      anonymous: anonymous / MB,
      mainThreadCpu,
      ...spent,
      /** All synchronous work of the start but the heap sampler's, which runs within one of the two hooks. */
      start: spent.init + spent.bootstrap + spent.logLine - spent.heapSampler,
    };
  } finally {
    await app.stop();
  }
}

function valuesOf(mode, key) {
  return rounds.map((round) => round[mode][key]);
}

function middle(mode, key) {
  return median(valuesOf(mode, key));
}

/** Within each round, as its runs are close to each other in time. */
function differences(mode, key) {
  return rounds.map((round) => round[mode][key] - round.disabled[key]);
}

function difference(mode, key) {
  return median(differences(mode, key));
}

function spread(mode, key) {
  return summarize(differences(mode, key));
}

function signed(value, digits) {
  return `${value < 0 ? '' : '+'}${value.toFixed(digits)}`;
}
