/**
 * Takes profiles of an application back to back, of all kinds, while its worker threads come and go and its main thread does
 * what a profiler could break (time limits of `vm`, listeners for SIGPROF, `AsyncLocalStorage`, an inspector session of its
 * own): does that hurt it?
 *
 *   node e2e/soak/soak.mjs [--minutes 10] [--node node] [--seed 1] [--workers 8] [--shortest 0] [--lifetime 500] [--clients 8]
 *                          [--only profile,heap] [--package packages/nestjs-pprof] [--control]
 *
 * `--node` is the binary of the application. `--only` takes just these kinds of profiles, to find out which one hurts.
 * Lifetimes of workers are between `--shortest` and `--lifetime`, in milliseconds. The library leaves all workers alone for 30 s
 * after one that lived for less than a second: to have captures attach to workers, `--shortest` must be above that.
 * With `--control` no profiles are taken, and profiling is off: what happens then would have happened without us.
 * Prints a table and a line of JSON; the exit code is 1 where the application was hurt.
 */
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SoakApp } from './soak.process.mjs';
import { SoakClient } from './soak.client.mjs';

const { values: given } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    node: { type: 'string', default: process.execPath },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '8' },
    shortest: { type: 'string', default: '0' },
    lifetime: { type: 'string', default: '500' },
    clients: { type: 'string', default: '8' },
    only: { type: 'string', default: '' },
    package: {
      type: 'string',
      default: fileURLToPath(new URL('../../packages/nestjs-pprof', import.meta.url)),
    },
    control: { type: 'boolean', default: false },
  },
});
const minutes = Number(given.minutes);
const seed = Number(given.seed);
const profiling = !given.control;

// A copy: the soak lasts, and the original may be built anew meanwhile.
const directory = mkdtempSync(join(tmpdir(), 'soak-'));
const source = resolve(given.package);
cpSync(join(source, 'dist'), join(directory, 'dist'), { recursive: true });
cpSync(join(source, 'package.json'), join(directory, 'package.json'));
symlinkSync(join(source, 'node_modules'), join(directory, 'node_modules'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));

const violations = [];
const log = (text) => process.stderr.write(`${new Date().toISOString()} ${text}\n`);
function violate(text) {
  violations.push(text);
  log(`VIOLATION ${text}`);
}

const app = new SoakApp({
  node: given.node,
  appOptions: {
    packageDirectory: directory,
    seed,
    maxWorkers: Number(given.workers),
    minLifetime: Number(given.shortest),
    maxLifetime: Number(given.lifetime),
    profiling,
  },
});
const started = performance.now();
const memory = {};
const workers = {};
/** What its main thread has done meanwhile. */
const mainThread = {};
let client;
let state;

try {
  await app.ready;
  const address = await app.call('listening');
  client = profiling
    ? new SoakClient({ url: address.url, seed, clients: Number(given.clients), only: given.only, violate })
    : undefined;
  // Everything is loaded, and every kind of thread has been there, before the first look at the memory.
  await round('warm-up', Math.min(30, minutes * 6));
  memory.start = await settled();
  const initial = await app.call('state');
  await round('first half', minutes * 30);
  memory.mid = await settled();
  await round('second half', minutes * 30);
  memory.end = await settled();
  state = await app.call('state');
  checkState(initial, state);
  await client?.checkStillWorks();
  await app.call('stopProfiling');
  memory.stopped = await app.call('memory');
  const ending = await app.exit();
  if (ending.code !== 0 || ending.signal !== null) {
    violate(`the process ended with ${JSON.stringify(ending)}, not with code 0`);
  }
} catch (error) {
  violate(String(error?.stack ?? error));
}
for (const line of app.unexpectedOutput) {
  violate(`output: ${line}`);
}
app.kill();
report();
process.exit(violations.length > 0 ? 1 : 0);

/** Lets threads come and go, under captures, for so long. */
async function round(name, seconds) {
  const until = performance.now() + seconds * 1000;
  await app.call('startChurn');
  const capturing = client?.run(() => performance.now() < until && !app.hasEnded);
  let lastLog = 0;
  while (performance.now() < until) {
    await sleep(Math.min(1000, until - performance.now()));
    await takeCounts();
    if (performance.now() - lastLog > 30_000) {
      lastLog = performance.now();
      log(
        `${name}: ${sum(workers)} workers ended, ${client?.total ?? 0} captures, ${violations.length} violations`,
      );
    }
  }
  await capturing;
  await app.call('stopChurn');
  await takeCounts();
}

async function takeCounts() {
  const { ended, done, violations: seen } = await app.call('counts');
  Object.assign(workers, ended);
  Object.assign(mainThread, done);
  seen.forEach(violate);
}

/**
 * The memory once it does not shrink any more: freed pages go back to the system with some delay, those of worker threads
 * that have ended 8 s after the last one (V8 of Node 24).
 */
async function settled() {
  let least = await app.call('memory');
  for (let stable = 0, looks = 0; stable < 12 && looks < 60; looks += 1) {
    await sleep(1000);
    const now = await app.call('memory');
    stable = now.rss < least.rss * 0.995 ? 0 : stable + 1;
    least = now.rss < least.rss ? now : least;
  }
  log(`settled: rss ${megabytes(least.rss)} MB, heap ${megabytes(least.heapUsed)} MB`);
  return least;
}

function checkState(initial, now) {
  if (profiling && now.status !== 'listening') {
    violate(`PprofService.status is ${now.status}`);
  }
  if (now.sessions !== null && now.sessions !== 0) {
    violate(`${now.sessions} inspector sessions are left open`);
  }
  if (now.resources.join() !== initial.resources.join()) {
    violate(`active resources were ${initial.resources.join()}, and are ${now.resources.join()}`);
  }
}

function report() {
  const rows = {
    node: app.version,
    mode: profiling ? `captures${given.only ? ` (${given.only})` : ''}` : 'control',
    seed,
    'minutes (with settling)': `${minutes} (${((performance.now() - started) / 60_000).toFixed(1)})`,
    'workers ended': sum(workers),
    'main thread': JSON.stringify(mainThread),
    captures: client?.total ?? 0,
    'answers by status': JSON.stringify(client?.statuses ?? {}),
    'rss MB start/mid/end/profiler stopped': ['start', 'mid', 'end', 'stopped']
      .map((when) => megabytes(memory[when]?.rss))
      .join(' / '),
    'heap MB start/mid/end/profiler stopped': ['start', 'mid', 'end', 'stopped']
      .map((when) => megabytes(memory[when]?.heapUsed))
      .join(' / '),
    'sessions left': state?.sessions ?? '?',
    violations: violations.length,
  };
  console.log('\nsoak');
  for (const [name, value] of Object.entries(rows)) {
    console.log(`  ${name.padEnd(40)} ${value}`);
  }
  for (const [what, count] of [...counted(violations.map(withoutNumbers))].slice(0, 20)) {
    console.log(`  ${String(count).padStart(5)} x ${what}`);
  }
  console.log(
    JSON.stringify({
      soak: app.version,
      control: !profiling,
      only: given.only,
      seed,
      minutes,
      workers,
      mainThread,
      captures: client?.captures ?? {},
      statuses: client?.statuses ?? {},
      reasons: client?.reasons ?? {},
      memory,
      state,
      violations: violations.slice(0, 100),
      violationCount: violations.length,
    }),
  );
}

function counted(items) {
  const counts = new Map();
  for (const item of items) {
    counts.set(item, (counts.get(item) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a);
}

function withoutNumbers(text) {
  return text.replaceAll(/worker \d+/g, 'worker N').replaceAll(/\d+ ms/g, 'N ms');
}

function sum(counts) {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

function megabytes(bytes) {
  return bytes === undefined ? '?' : (bytes / 2 ** 20).toFixed(1);
}
