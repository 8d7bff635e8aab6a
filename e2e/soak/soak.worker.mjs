// A worker thread of the application under soak. It does what its kind says, for about as long as it is to live.
import { isMainThread, threadId, Worker, workerData } from 'node:worker_threads';
import { EXPECTED_FAILURE, WORKER_KINDS } from './kinds.mjs';

const LONG = 3_600_000;

/** Loading these takes a while, in which the thread is still starting, as far as its loader is concerned. */
const BUILTINS = [
  'assert',
  'async_hooks',
  'child_process',
  'cluster',
  'crypto',
  'dgram',
  'diagnostics_channel',
  'dns/promises',
  'fs/promises',
  'http',
  'http2',
  'https',
  'inspector',
  'net',
  'perf_hooks',
  'readline/promises',
  'repl',
  'stream/web',
  'test',
  'tls',
  'v8',
  'vm',
  'zlib',
].map((name) => `node:${name}`);

const behaviours = {
  idle: () => setInterval(() => undefined, 10),
  busy: () => spin(LONG),
  allocates: () => allocate(),
  waits: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  imports: async () => {
    await importBuiltins();
    setTimeout(() => undefined, LONG);
  },
  nested: () => new Worker(new URL(import.meta.url), { workerData: { kind: 'busy', lifetime: LONG } }),
  importsAndEnds: async ({ lifetime }) => {
    await importBuiltins();
    setTimeout(() => process.stdout.write(''), lifetime);
  },
  fails: ({ lifetime }) =>
    setTimeout(() => {
      throw new Error(EXPECTED_FAILURE);
    }, lifetime),
  exits: ({ lifetime }) => setTimeout(() => process.exit(WORKER_KINDS.exits.exitCodes[0]), lifetime),
  ends: ({ lifetime }) => spin(lifetime),
};

// Jest does not get here; but nor does anything else that is not a worker.
if (!isMainThread) {
  // Not awaited: terminate() of a module with a top-level await that starts is fatal in Node 22, profiled or not.
  void behaviours[workerData.kind](workerData);
}

function spin(millis) {
  const end = performance.now() + millis;
  let sum = 0;
  while (performance.now() < end) {
    for (let i = 0; i < 10_000; i += 1) {
      sum = (sum + i) % 1_000_003;
    }
  }
  return sum;
}

/** Much garbage, and some that lives on for a while. */
function allocate() {
  const kept = [];
  const turn = () => {
    for (let i = 0; i < 200; i += 1) {
      kept[i % 50] = Array.from({ length: 500 }, (_, index) => ({ threadId, index, text: `${index}` }));
    }
    setImmediate(turn);
  };
  turn();
}

async function importBuiltins() {
  const { createRequire } = await import('node:module');
  const require = createRequire(import.meta.url);
  for (const [index, name] of BUILTINS.entries()) {
    if (index % 2 === 0) {
      require(name);
    } else {
      await import(name);
    }
  }
}
