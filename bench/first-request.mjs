/**
 * What the first request costs, which has the profiling thread load Nest, Express and all of ours: as it is published,
 * bundled, and file by file from node_modules.
 *
 *   node bench/first-request.mjs [--rounds 5] [--budget 110] [--share 0.2]
 *
 * As root, with control groups, also the time until the first answer of a busy process with this share of a processor.
 */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileModules } from '../packages/nestjs-pprof/scripts/compile.mjs';
import { readArguments } from './support/arguments.mjs';
import { Child, PPROF_LINE } from './support/child.mjs';
import { cpuTime, residentMemory } from './support/proc.mjs';
import { limitProcessor } from './support/quota.mjs';
import { machine, report } from './support/report.mjs';
import { abba, runRounds } from './support/rounds.mjs';
import { median, summarize } from './support/statistics.mjs';

const MB = 1024 * 1024;
const APP = new URL('./fixtures/first-request.app.mjs', import.meta.url);
const BUNDLED = fileURLToPath(new URL('../packages/nestjs-pprof', import.meta.url));

const { share, ...limits } = readArguments({ rounds: 5, budget: 110, share: 0.2 });

const packages = { bundled: BUNDLED, unbundled: await compileUnbundled() };
const where = machine();
const rounds = await runRounds(limits, async (index) => {
  const round = { bundled: [], unbundled: [] };
  for (const variant of abba(index, 'bundled', 'unbundled')) {
    round[variant].push(await run(packages[variant]));
  }
  return Object.fromEntries(
    Object.entries(round).map(([variant, runs]) => [
      variant,
      Object.fromEntries(
        Object.keys(runs[0]).map((key) => [
          key,
          runs.reduce((sum, each) => sum + each[key], 0) / runs.length,
        ]),
      ),
    ]),
  );
});
const starved = { bundled: await runStarved(BUNDLED), unbundled: await runStarved(packages.unbundled) };

report({
  name: 'first-request',
  machine: where,
  rows: [
    ...Object.keys(packages).map((variant) => ({
      thread: variant,
      'CPU ms': middle(variant, 'cpu').toFixed(0),
      'RSS before MB': middle(variant, 'before').toFixed(1),
      '+ MB': middle(variant, 'growth').toFixed(1),
      'answer ms': middle(variant, 'answer').toFixed(0),
      [`answer ms, busy, ${share} CPU`]: starved[variant]?.toFixed(0) ?? 'needs root',
    })),
    {
      thread: 'ratio',
      'CPU ms': median(ratios('cpu')).toFixed(2),
      'RSS before MB': median(ratios('before')).toFixed(2),
      '+ MB': median(ratios('growth')).toFixed(2),
      'answer ms': median(ratios('answer')).toFixed(2),
      [`answer ms, busy, ${share} CPU`]: starved.bundled
        ? (starved.bundled / starved.unbundled).toFixed(2)
        : '',
    },
  ],
  details: {
    rounds: rounds.length,
    cpuRatio: summarize(ratios('cpu')),
    memoryRatio: summarize(ratios('growth')),
    starvedAnswerMs: starved,
  },
});

/** The package with its thread as it is in the sources. Within its node_modules, where it finds what it needs. */
async function compileUnbundled() {
  const directory = join(BUNDLED, 'node_modules/.cache/first-request');
  rmSync(directory, { recursive: true, force: true });
  const modules = join(directory, 'dist/esm');
  await compileModules('esm', modules, { withPrograms: true });
  copyFileSync(join(BUNDLED, 'package.json'), join(directory, 'package.json'));
  const server = join(modules, 'thread/server');
  mkdirSync(join(directory, 'dist/thread'));
  writeFileSync(
    join(directory, 'dist/thread/listener.cjs'),
    `require(${JSON.stringify(join(server, 'main.js'))});`,
  );
  const deferred = JSON.stringify(join(server, 'deferred.main.js'));
  writeFileSync(
    join(server, 'application.cjs'),
    `module.exports = process.getBuiltinModule('node:module').createRequire(${deferred})(${deferred});`,
  );
  return directory;
}

async function run(packageDirectory) {
  const { app, url } = await start(packageDirectory);
  try {
    const cpu = cpuTime(app.pid).process;
    const before = residentMemory(app.pid).total;
    const began = performance.now();
    await ask(url);
    const answer = performance.now() - began;
    return {
      cpu: (cpuTime(app.pid).process - cpu) / 1e6,
      before: before / MB,
      growth: (residentMemory(app.pid).total - before) / MB,
      answer,
    };
  } finally {
    await app.stop();
  }
}

/** Undefined where the share cannot be limited. */
async function runStarved(packageDirectory) {
  const { app, url } = await start(packageDirectory);
  const unlimit = limitProcessor(app.pid, share);
  try {
    if (unlimit === undefined) {
      return undefined;
    }
    await app.ask('be busy');
    const began = performance.now();
    await ask(url);
    return performance.now() - began;
  } finally {
    await app.stop();
    unlimit?.();
  }
}

async function start(packageDirectory) {
  const app = new Child({ script: APP, args: [packageDirectory], ipc: true });
  const [url] = await app.printed([PPROF_LINE]);
  return { app, url };
}

async function ask(url) {
  const response = await fetch(`${url}/`);
  await response.arrayBuffer();
  if (response.status !== 200) {
    throw new Error(`${url}: ${response.status}`);
  }
}

function middle(variant, key) {
  return median(rounds.map((round) => round[variant][key]));
}

/** Within each round, as its runs are close to each other in time. */
function ratios(key) {
  return rounds.map((round) => round.bundled[key] / round.unbundled[key]);
}
