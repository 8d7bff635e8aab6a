/**
 * A CPU profile of many worker threads that do little: how long the answer takes after the end of the window, what it
 * needs of memory, and what the main thread has to do for it.
 *
 *   node bench/threads-scale.mjs [--workers 1,4,16,64] [--capture 1] [--rounds 3] [--budget 110]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { readArguments } from './support/arguments.mjs';
import { Child, PPROF_LINE } from './support/child.mjs';
import { cpuTime, residentMemory } from './support/proc.mjs';
import { machine, report } from './support/report.mjs';
import { abba, runRounds } from './support/rounds.mjs';
import { median, summarize } from './support/statistics.mjs';

const MB = 1024 * 1024;

const { workers, capture, ...limits } = readArguments({
  workers: '1,4,16,64',
  capture: 1,
  rounds: 3,
  budget: 110,
});
const counts = workers.split(',').map(Number);

const where = machine();
const rounds = await runRounds(limits, async (index) => {
  const round = {};
  for (const count of counts) {
    round[count] = await run(count, index);
  }
  return round;
});

const rows = counts.map((count) => ({
  workers: count,
  'answer after window ms': middle(count, 'afterWindow').toFixed(0),
  'RSS before MB': middle(count, 'rssBefore').toFixed(0),
  '+ MB after': middle(count, 'rssGrowth').toFixed(0),
  'main CPU ms, none': middle(count, 'mainCpuNone').toFixed(1),
  capturing: middle(count, 'mainCpuCapturing').toFixed(1),
  'longest delay ms, none': middle(count, 'delayNone').toFixed(1),
  'while capturing': middle(count, 'delayCapturing').toFixed(1),
}));
report({
  name: 'threads-scale',
  machine: where,
  rows,
  details: {
    captureSeconds: capture,
    rounds: rounds.length,
    byWorkers: Object.fromEntries(
      counts.map((count) => [
        count,
        Object.fromEntries(
          Object.keys(rounds[0][count]).map((key) => [key, summarize(valuesOf(count, key))]),
        ),
      ]),
    ),
  },
});

/** One process; windows without and with a capture alternate in it. */
async function run(count, index) {
  const app = new Child({
    script: new URL('./fixtures/threads.app.mjs', import.meta.url),
    args: [String(count)],
    ipc: true,
  });
  try {
    const [profiling] = await app.printed([PPROF_LINE, /Threads started: (\d+)/]);
    const rssIdle = residentMemory(app.pid).total;
    // The first profile loads the server's framework, in its own thread; it is paid once.
    await takeProfile(profiling);
    const windows = { none: [], capturing: [] };
    for (const name of abba(index, 'none', 'capturing')) {
      const work = name === 'none' ? () => delay(capture * 1000) : () => takeProfile(profiling);
      windows[name].push(await measured(app, work));
    }
    const mean = (name, key) =>
      windows[name].reduce((sum, window) => sum + window[key], 0) / windows[name].length;
    return {
      afterWindow: mean('capturing', 'millis') - capture * 1000,
      rssBefore: rssIdle / MB,
      rssGrowth: (residentMemory(app.pid).total - rssIdle) / MB,
      mainCpuNone: mean('none', 'mainCpuMillis'),
      mainCpuCapturing: mean('capturing', 'mainCpuMillis'),
      delayNone: mean('none', 'longestDelayMs'),
      delayCapturing: mean('capturing', 'longestDelayMs'),
    };
  } finally {
    await app.stop();
  }
}

async function measured(app, work) {
  await app.ask('start');
  const before = cpuTime(app.pid).mainThread;
  const start = performance.now();
  await work();
  const millis = performance.now() - start;
  const mainCpuMillis = (cpuTime(app.pid).mainThread - before) / 1e6;
  const { longestDelayMs } = await app.ask('stop');
  return { millis, mainCpuMillis, longestDelayMs };
}

async function takeProfile(profiling) {
  const response = await fetch(`${profiling}/profile?seconds=${capture}`);
  const body = await response.arrayBuffer();
  if (response.status !== 200) {
    throw new Error(`profile: ${response.status} ${Buffer.from(body).toString().trim()}`);
  }
}

function valuesOf(count, key) {
  return rounds.map((round) => round[count][key]);
}

function middle(count, key) {
  return median(valuesOf(count, key));
}
