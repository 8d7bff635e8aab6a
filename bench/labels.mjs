/**
 * What labels cost on a light route, on Express and on Fastify: windows without a capture, and with one at 100 Hz with labels
 * and without, alternating in one process.
 *
 *   node bench/labels.mjs [--hz 100] [--capture 4] [--connections 10] [--rounds 4] [--warmup 3] [--budget 110]
 *                         [--platforms express,fastify]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { readArguments } from './support/arguments.mjs';
import { APP_LINE, Child, PPROF_LINE } from './support/child.mjs';
import { underLoad } from './support/load.mjs';
import { machine, report } from './support/report.mjs';
import { runRounds } from './support/rounds.mjs';
import { geometricMean, median, summarize } from './support/statistics.mjs';

const CASES = ['none', 'unlabelled', 'labelled'];

const { hz, capture, connections, warmup, platforms, ...limits } = readArguments({
  hz: 100,
  capture: 4,
  connections: 10,
  rounds: 4,
  warmup: 3,
  budget: 110,
  platforms: 'express,fastify',
});

const where = machine();
const rows = [];
const details = { hz, captureSeconds: capture, connections };
for (const platform of platforms.split(',')) {
  const rounds = await runRounds(limits, (index) => measure(platform, index));
  const ratios = {
    'during a capture with labels, against no capture': ratiosOf(rounds, 'labelled', 'none'),
    'during a capture without labels, against no capture': ratiosOf(rounds, 'unlabelled', 'none'),
    'with labels, against a capture without': ratiosOf(rounds, 'labelled', 'unlabelled'),
  };
  for (const [title, { median: middle, quartiles }] of Object.entries(ratios)) {
    rows.push({
      platform,
      'answers per CPU second of main': title,
      ratio: middle.toFixed(3),
      quartiles: quartiles.map((value) => value.toFixed(3)).join(' – '),
    });
  }
  details[platform] = {
    rounds: rounds.length,
    ratios,
    throughput: ratiosOf(rounds, 'labelled', 'unlabelled', 'requestsPerSecond'),
    ...Object.fromEntries(
      CASES.map((name) => [
        name,
        {
          answersPerCpuSecond: median(runsOf(rounds, name).map((run) => run.answersPerCpuSecond)),
          requestsPerSecond: median(runsOf(rounds, name).map((run) => run.requestsPerSecond)),
        },
      ]),
    ),
  };
}
report({ name: 'labels', machine: where, rows, details });

async function measure(platform, index) {
  const child = new Child({
    script: new URL('./fixtures/labels.app.mjs', import.meta.url),
    args: [platform, 'true'],
    nodeArgs: ['--expose-gc'],
    ipc: true,
  });
  const round = { none: [], unlabelled: [], labelled: [] };
  try {
    const [url, profiling] = await child.printed([APP_LINE, PPROF_LINE]);
    await underLoad({ url, pid: child.pid, path: '/cats/7', connections }, async (during) => {
      await delay(warmup * 1000);
      // The first of each loads and compiles; it is paid once.
      await takeProfile(profiling, 1, true);
      await takeProfile(profiling, 1, false);
      const order = CASES.map((_, position) => CASES[(position + index) % CASES.length]);
      for (const name of [...order, ...order.toReversed()]) {
        const run = await inCapture(profiling, name, () => during(() => delay(capture * 1000)));
        round[name].push({ ...run, answersPerCpuSecond: run.requestsPerSecond / run.mainThreadBusy });
      }
    });
  } finally {
    await child.stop();
  }
  return round;
}

/** Without the beginning and the end of the capture, which are the same with labels and without. */
async function inCapture(profiling, name, task) {
  if (name === 'none') {
    return task();
  }
  const profile = takeProfile(profiling, capture + 2, name === 'labelled');
  await delay(1000);
  const result = await task();
  await profile;
  return result;
}

async function takeProfile(profiling, seconds, labels) {
  const response = await fetch(`${profiling}/profile?seconds=${seconds}&hz=${hz}&labels=${labels}`);
  const body = await response.arrayBuffer();
  if (response.status !== 200) {
    throw new Error(`profile: ${response.status} ${Buffer.from(body).toString().trim()}`);
  }
}

function runsOf(rounds, name) {
  return rounds.flatMap((round) => round[name]);
}

function ratiosOf(rounds, name, base, key = 'answersPerCpuSecond') {
  const mean = (round, which) => geometricMean(round[which].map((run) => run[key]));
  return summarize(rounds.map((round) => mean(round, name) / mean(round, base)));
}
