// The application under soak: threads come and go in it, while another process takes profiles of it.
import 'reflect-metadata';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { syncBuiltinESMExports } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import workerThreads from 'node:worker_threads';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EXPECTED_FAILURE, WORKER_KINDS } from './kinds.mjs';
import { Random } from './random.mjs';
import { MainThreadWork } from './soak.main.mjs';

const { packageDirectory, seed, maxWorkers, minLifetime, maxLifetime, profiling } = JSON.parse(
  process.argv[2],
);

/** How long a worker may take to end, once it should; one that waits for a processor takes long, one that hangs for ever. */
const LATE_MILLIS = 60_000;

const OriginalWorker = workerThreads.Worker;
/** Where the profiling thread counts its inspector sessions. */
let sessions;

// The profiling thread is created with this class; it must be in place before the library is loaded.
workerThreads.Worker = class extends OriginalWorker {
  constructor(file, options) {
    super(file, options);
    if (options?.name === 'nestjs-pprof' && options.workerData.connections) {
      sessions = new Int32Array(options.workerData.connections);
    }
  }
};
syncBuiltinESMExports();

const { PprofModule, PprofService } = await import(
  pathToFileURL(join(packageDirectory, 'dist/esm/index.js')).href
);

class SoakModule {}
Module({ imports: [PprofModule.forRoot({ enabled: profiling, port: 0, flightRecorder: {} })] })(SoakModule);
const app = await NestFactory.createApplicationContext(SoakModule, { logger: ['warn', 'error', 'fatal'] });
const pprof = app.get(PprofService, { strict: false });

const random = new Random(seed);
const alive = new Set();
const ended = Object.fromEntries(Object.keys(WORKER_KINDS).map((kind) => [kind, 0]));
const violations = [];
const main = { churning: false, garbage: [], working: undefined };
const work = new MainThreadWork(new Random(seed + 2000), (text) => violations.push(text));

function startWorker() {
  const kind = random.pick(Object.keys(WORKER_KINDS));
  const lifetime = random.integer(minLifetime, maxLifetime);
  const { terminated, exitCodes, fails = false } = WORKER_KINDS[kind];
  const worker = new OriginalWorker(new URL('soak.worker.mjs', import.meta.url), {
    workerData: { kind, lifetime },
    ...(random.chance(0.5) ? { name: `soak-${kind}` } : {}),
  });
  const { threadId } = worker;
  const startedAt = performance.now();
  const errors = [];
  let late;
  alive.add(worker);
  worker.on('error', (error) => errors.push(`${error?.code ?? ''} ${error?.message ?? error}`.trim()));
  worker.on('exit', (code) => {
    clearTimeout(late);
    alive.delete(worker);
    ended[kind] += 1;
    const expectedErrors = fails ? [EXPECTED_FAILURE] : [];
    const what = `worker ${threadId}, ${kind}, lifetime ${lifetime} ms`;
    if (!exitCodes.includes(code)) {
      violations.push(`${what}: exit code ${code}, not ${exitCodes.join(' or ')}`);
    }
    if (errors.join('\n') !== expectedErrors.join('\n')) {
      violations.push(`${what}: errors ${JSON.stringify(errors)}, not ${JSON.stringify(expectedErrors)}`);
    }
  });
  const expectEnd = () => {
    late = setTimeout(() => {
      const millis = Math.round(performance.now() - startedAt);
      violations.push(
        `worker ${threadId}, ${kind}, lifetime ${lifetime} ms: not ended ${millis} ms after its start`,
      );
    }, LATE_MILLIS);
  };
  setTimeout(() => {
    if (!alive.has(worker)) {
      return;
    }
    expectEnd();
    if (terminated) {
      void worker.terminate();
    }
  }, lifetime);
}

async function churn() {
  while (main.churning) {
    if (alive.size < maxWorkers) {
      startWorker();
    }
    if (random.chance(0.02)) {
      block(random.integer(50, 300));
    }
    allocate();
    await sleep(random.integer(0, 40));
  }
}

/** Keeps the main thread's event loop from turning. */
function block(millis) {
  const end = performance.now() + millis;
  let turns = 0;
  while (performance.now() < end) {
    turns += 1;
  }
  return turns;
}

function allocate() {
  main.garbage = Array.from({ length: 20_000 }, (_, index) => ({ index, text: `text ${index}` }));
}

const commands = {
  listening: async () => (profiling ? pprof.start() : null),
  startChurn: () => {
    main.churning = true;
    void churn();
    main.working = work.run(() => main.churning);
  },
  stopChurn: async () => {
    main.churning = false;
    main.garbage = [];
    await main.working;
    while (alive.size > 0) {
      await sleep(20);
    }
  },
  counts: () => ({ ended, done: work.done, alive: alive.size, violations: violations.splice(0) }),
  stopProfiling: () => pprof.stop(),
  /** What is left, with all garbage collected. */
  memory: async () => {
    // What is freed in steps, such as weak references and finalizers, takes some turns.
    for (let i = 0; i < 5; i += 1) {
      globalThis.gc();
      await sleep(50);
    }
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, heapUsed, external };
  },
  state: () => ({
    status: pprof.status.state,
    sessions: sessions ? Atomics.load(sessions, 0) : null,
    resources: process.getActiveResourcesInfo().toSorted(),
  }),
  exit: () => process.exit(0),
};

process.on('message', ({ id, command }) => {
  Promise.resolve()
    .then(() => commands[command]())
    .then((result = null) => process.send({ id, result }));
});
process.send({ ready: true, version: process.version });
