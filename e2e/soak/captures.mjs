/**
 * A day of scraping in a quarter of an hour: takes many short CPU profiles, one after the other, each through the whole
 * pipeline (sampler of the main thread, inspector session of a worker thread, source maps, encoding), and looks whether
 * anything is left behind.
 *
 *   node e2e/soak/captures.mjs [--captures 10000] [--milliseconds 50] [--looks 20] [--parallel 1]
 *
 * With `--parallel` so many run at a time, each with a session of its own; they share the sampler of the main thread.
 *
 * Over HTTP `seconds` is a whole number, so this drives what the controllers drive: the package's own modules, bundled from
 * their sources into a thread (captures.worker.ts). Prints a table, then a line of JSON.
 */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';

const { values: given } = parseArgs({
  options: {
    captures: { type: 'string', default: '10000' },
    milliseconds: { type: 'string', default: '50' },
    looks: { type: 'string', default: '20' },
    parallel: { type: 'string', default: '1' },
  },
});
const captures = Number(given.captures);
const looks = Number(given.looks);
const packageDirectory = fileURLToPath(new URL('../../packages/nestjs-pprof', import.meta.url));
const load = (file) => import(pathToFileURL(join(packageDirectory, 'dist/esm', file)).href);

const { Agent } = await load('main/agent.js');
const { registerAgent } = await load('main/process.registry.js');
const { Heartbeat } = await load('main/event.loop.js');
const { WorkerStartsMemory } = await load('shared/shared.memory.js');
const { time } = createRequire(join(packageDirectory, 'package.json'))('@datadog/pprof');

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

const heap = { samplingInterval: 512 * 1024, stackDepth: 64 };
const agent = new Agent();
agent.startHeapSampling(heap);
const connections = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
const heartbeat = new Heartbeat();

// The application: some work on the main thread, and a worker thread that a session is opened to in each capture.
const busy = setInterval(
  () => JSON.parse(JSON.stringify(Array.from({ length: 2000 }, (_, i) => ({ i })))),
  5,
);
const applicationWorker = new Worker('setInterval(() => JSON.stringify(process.versions), 5)', {
  eval: true,
});
await once(applicationWorker, 'online');

const {
  outputFiles: [program],
} = await build({
  entryPoints: [fileURLToPath(new URL('./captures.worker.ts', import.meta.url))],
  bundle: true,
  platform: 'node',
  format: 'cjs',
  write: false,
});
const profiler = new Worker(program.text, {
  eval: true,
  workerData: {
    heartbeat: heartbeat.memory,
    connections,
    workerStarts: new WorkerStartsMemory().buffer,
    inspector: true,
    coverage: false,
    heap,
    block: { watch: false, threshold: 20 },
    keepWarm: 0,
  },
  execArgv: [],
});
registerAgent(profiler.threadId, agent);
let answered;
profiler.on('message', (message) => {
  if (message.type === 'agent-request') {
    agent.answer(message, profiler);
  } else {
    answered(message);
  }
});
profiler.on('error', (error) => {
  throw error;
});

function capture(count) {
  return new Promise((resolveCaptures) => {
    answered = resolveCaptures;
    profiler.postMessage({
      type: 'take',
      count,
      milliseconds: Number(given.milliseconds),
      parallel: Number(given.parallel),
    });
  });
}

async function look(done) {
  collectGarbage();
  const { heapUsed, resources, samples, bytes, skipped } = await capture(1);
  collectGarbage();
  return {
    captures: done,
    rssMb: process.memoryUsage.rss() / 1e6,
    mainHeapMb: process.memoryUsage().heapUsed / 1e6,
    profilerHeapMb: heapUsed / 1e6,
    files: readdirSync('/proc/self/fd').length,
    mainResources: process.getActiveResourcesInfo().length,
    profilerResources: resources.length,
    sessions: Atomics.load(new Int32Array(connections), 0),
    samplerRuns: time.isStarted(),
    samples,
    bytes,
    skipped,
  };
}

const start = performance.now();
// The first hundred fill caches and have code compiled.
await capture(Math.min(100, captures));
const seen = [await look(0)];
for (let index = 1; index <= looks; index++) {
  const part = Math.round((captures * index) / looks) - Math.round((captures * (index - 1)) / looks);
  await capture(part);
  seen.push(await look(Math.round((captures * index) / looks)));
  process.stderr.write(`${JSON.stringify(seen.at(-1))}\n`);
}

const columns = [
  'captures',
  'rssMb',
  'mainHeapMb',
  'profilerHeapMb',
  'files',
  'mainResources',
  'profilerResources',
  'sessions',
];
console.table(
  seen.map((row) => Object.fromEntries(columns.map((name) => [name, Number(row[name].toFixed(1))]))),
);
const perThousand = (name) => slope(seen.slice(1), name) * 1000;
console.log(
  JSON.stringify({
    node: process.version,
    minutes: (performance.now() - start) / 60_000,
    first: seen[0],
    last: seen.at(-1),
    perThousandCaptures: {
      rssMb: perThousand('rssMb'),
      mainHeapMb: perThousand('mainHeapMb'),
      profilerHeapMb: perThousand('profilerHeapMb'),
      files: perThousand('files'),
    },
  }),
);
clearInterval(busy);
await Promise.all([applicationWorker.terminate(), profiler.terminate()]);
agent.stop();
heartbeat.stop();

/** Least squares: how much the column grows with each capture. */
function slope(rows, name) {
  const mean = (pick) => rows.reduce((sum, row) => sum + pick(row), 0) / rows.length;
  const x = mean((row) => row.captures);
  const y = mean((row) => row[name]);
  const spread = mean((row) => (row.captures - x) ** 2);
  return spread === 0 ? 0 : mean((row) => (row.captures - x) * (row[name] - y)) / spread;
}
