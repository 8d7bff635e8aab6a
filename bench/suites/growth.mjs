import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeMaps } from '../fixtures/stacks.mjs';
import { get, temporaryDirectory, withApp } from '../support/app.mjs';
import { residentMemory } from '../support/proc.mjs';
import { part, runRounds } from '../support/rounds.mjs';

const MB = 1024 * 1024;
const REST_MS = 100;

const WORKERS = { workers1: 1, workers4: 4, workers16: 16, workers64: 64 };
/** Threads with the main thread, for so many seconds at 1000 Hz or less. */
const SAMPLES = {
  samples1k: { workers: 1, hz: 500, seconds: 1 },
  samples10k: { workers: 9, hz: 1000, seconds: 1 },
  samples100k: { workers: 15, hz: 1000, seconds: 6 },
  samples1m: { workers: 63, hz: 1000, seconds: 16 },
};
const STACKS = { stacks1k: 1000, stacks10k: 10_000, stacks40k: 40_000, stacks100k: 100_000 };
/** What is alive on the heap, in megabytes, and what is asked for then. */
const LIVE = Object.fromEntries(
  [0, 600, 1500].flatMap((megabytes) => [
    [`goroutine${megabytes}`, { megabytes, path: 'goroutine?threads=main', seconds: 0 }],
    [`profile${megabytes}`, { megabytes, path: 'profile?seconds=1&threads=main', seconds: 1 }],
  ]),
);
const MAPS = { maps10: 10, maps100: 100, maps500: 500 };

const COLUMNS = {
  past: { label: 'beyond the window', unit: 'ms', digits: 0, better: 'lower' },
  mainCpu: { label: 'main’s CPU', unit: 'ms', digits: 1, better: 'lower' },
  delay: { label: 'longest delay', unit: 'ms', digits: 1, better: 'lower' },
  rss: { label: 'memory', unit: 'MB', digits: 0, better: 'lower' },
};

const rowsOf = (sizes, label) =>
  Object.fromEntries(Object.keys(sizes).map((row) => [row, { label: label(row, sizes[row]), kind: 'ours' }]));

const MEMORY = 'Memory is what is resident after the answer and was not before the first request.';

export const growth = {
  name: 'growth',
  title: 'What grows, and with what',
  share: 150,
  text: `Each size in a new process. ${MEMORY} Nothing is compared here but one size with the other, so there is no control.`,
  tables: [
    {
      id: 'workers',
      title: 'Worker threads',
      text: 'A CPU capture of one second, the second of the process, of an application whose workers do little.',
      rows: rowsOf(WORKERS, (_, count) => `${count} worker${count === 1 ? '' : 's'}`),
      columns: COLUMNS,
      chart: 'past',
    },
    {
      id: 'samples',
      title: 'Samples',
      text: 'A CPU capture of many threads at up to 1000 Hz: as many samples as a profile can have, whatever the application does.',
      rows: rowsOf(SAMPLES, (_, { workers, hz, seconds }) => {
        const count = (workers + 1) * hz * seconds;
        return `${count.toLocaleString('en')} samples (${workers + 1} threads, ${hz} Hz, ${seconds} s)`;
      }),
      columns: COLUMNS,
      chart: 'past',
    },
    {
      id: 'stacks',
      title: 'Stacks in the heap profile',
      text: '`heap`, of an application that has allocated from so many different stacks, with the interval at its least so that each is in the profile.',
      rows: rowsOf(STACKS, (_, count) => `${count.toLocaleString('en')} stacks`),
      columns: { ...COLUMNS, past: { ...COLUMNS.past, label: 'answer' } },
      chart: 'mainCpu',
    },
    {
      id: 'live',
      title: 'The heap, where V8 starts its profiler',
      text: 'Before it samples, V8 walks the whole heap of the thread for the code in it. Each is asked of a process that nobody has profiled before, without load.',
      rows: rowsOf(LIVE, (_, { megabytes, path }) => `\`${path.split('?')[0]}\`, ${megabytes} MB alive`),
      columns: { ...COLUMNS, past: { ...COLUMNS.past, label: 'answer, beyond the window' } },
      chart: 'mainCpu',
    },
    {
      id: 'maps',
      title: 'Source maps',
      text: `A CPU capture of three seconds of code that has source maps of so many megabytes on disk, all of it in the profile; it works without a pause, in turns of 20 ms. Others read maps on the main
thread before they begin: @datadog/pprof's \`SourceMapper\`, which Pyroscope and dd-trace use as well, is shown for that, without a capture.`,
      rows: {
        ...rowsOf(MAPS, (_, megabytes) => `nestjs-pprof, ${megabytes} MB`),
        mapper10: { label: '@datadog/pprof, 10 MB', kind: 'peer' },
        mapper100: { label: '@datadog/pprof, 100 MB', kind: 'peer' },
      },
      columns: {
        past: { ...COLUMNS.past, label: 'beyond the window, or until read' },
        delay: COLUMNS.delay,
        rss: COLUMNS.rss,
      },
      chart: 'past',
    },
  ],
  async run({ node, limits }) {
    const of = (share, sizes, measure) => runRounds(part(limits, share, 1), Object.keys(sizes), measure);
    return {
      workers: await of(0.2, WORKERS, (row) => captureOf(node, row, { workers: WORKERS[row] }, {})),
      samples: await of(0.2, SAMPLES, (row) => captureOf(node, row, SAMPLES[row], SAMPLES[row])),
      stacks: await of(0.2, STACKS, (row) => heapOf(node, row, STACKS[row])),
      live: await of(0.1, LIVE, (row) => startOf(node, row, LIVE[row])),
      maps: await maps(node, (measure) => of(0.3, { ...MAPS, mapper10: 10, mapper100: 100 }, measure)),
    };
  },
};

function captureOf(node, row, { workers }, { hz = 100, seconds = 1 }) {
  return withApp(node, { profiler: 'nestjs-pprof', workers }, (app) =>
    costOf(app, row, seconds, async (isFirst) => {
      await get(`${app.profiling}/profile?seconds=${isFirst ? 1 : seconds}&hz=${isFirst ? 100 : hz}`);
    }),
  );
}

function heapOf(node, row, count) {
  const options = { heap: { samplingInterval: 1024 } };
  return withApp(node, { profiler: 'nestjs-pprof', options }, async (app) => {
    await app.child.ask('allocateFromStacks', count, 60_000);
    return costOf(app, row, 0, (isFirst) =>
      // The first loads the server, in its own thread; it is paid once.
      get(`${app.profiling}/${isFirst ? 'cmdline' : 'heap'}`),
    );
  });
}

function startOf(node, row, { megabytes, path, seconds }) {
  return withApp(node, { profiler: 'nestjs-pprof' }, async (app) => {
    await app.child.ask('keepAlive', megabytes, 60_000);
    return costOf(app, row, seconds, (isFirst) => get(`${app.profiling}/${isFirst ? 'cmdline' : path}`));
  });
}

async function maps(node, measureAll) {
  const directories = {};
  const directoryOf = (megabytes) => {
    if (!(megabytes in directories)) {
      directories[megabytes] = join(temporaryDirectory(), `maps-${megabytes}`);
      writeMaps(directories[megabytes], megabytes);
    }
    return directories[megabytes];
  };
  try {
    return await measureAll((row) =>
      row in MAPS
        ? withApp(node, { profiler: 'nestjs-pprof' }, async (app) => {
            await app.child.ask('runMapped', { directory: directoryOf(MAPS[row]), millis: 20 });
            return costOf(app, row, 3, (isFirst) =>
              get(`${app.profiling}/${isFirst ? 'cmdline' : 'profile?seconds=3'}`),
            );
          })
        : withApp(node, { profiler: 'datadog' }, (app) =>
            costOf(app, row, 0, (isFirst) =>
              isFirst ? undefined : app.child.ask('readMaps', directoryOf(Number(row.slice(6))), 60_000),
            ),
          ),
    );
  } finally {
    Object.values(directories).forEach((directory) => rmSync(directory, { recursive: true, force: true }));
  }
}

/** Of the second of two: the first loads the server, in its own thread, which is paid once; memory is that of both. */
async function costOf(app, row, seconds, take) {
  await app.child.ask('watchDelays');
  const rss = residentMemory(app.child.pid).total;
  await take(true);
  await delay(REST_MS);
  await app.child.ask('read');
  const began = performance.now();
  await take(false);
  const past = performance.now() - began - seconds * 1000;
  // A delay is counted when the loop turns again.
  await delay(REST_MS);
  const { cpuMicros, delay: longest } = await app.child.ask('read');
  const grown = residentMemory(app.child.pid).total - rss;
  return { [row]: { at: { past, mainCpu: cpuMicros / 1000, delay: longest, rss: grown / MB } } };
}
