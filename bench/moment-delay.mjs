/**
 * Many ask for the stacks of this moment at the same time: how long the application's event loop does not turn, compared
 * with one that asks alone, and whether each has its answer.
 *
 *   node bench/moment-delay.mjs [--ask goroutine] [--clients 1,5,20,100] [--workers 2] [--rounds 5] [--budget 110]
 *
 * `--ask "block?seconds=2"` takes another profile; `--apart` makes every request another one (by its threads), so that no
 * two have the same answer.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { readArguments } from './support/arguments.mjs';
import { Child, PPROF_LINE } from './support/child.mjs';
import { cpuTime } from './support/proc.mjs';
import { machine, report } from './support/report.mjs';
import { runRounds } from './support/rounds.mjs';
import { median, summarize } from './support/statistics.mjs';

const { ask, clients, workers, apart, ...limits } = readArguments({
  ask: 'goroutine',
  clients: '1,5,20,100',
  workers: 2,
  apart: false,
  rounds: 5,
  budget: 110,
});
const counts = clients.split(',').map(Number);

const where = machine();
const rounds = await runRounds(limits, async (index) => {
  const app = new Child({
    script: new URL('./fixtures/threads.app.mjs', import.meta.url),
    args: [String(workers)],
    ipc: true,
  });
  try {
    const [profiling] = await app.printed([PPROF_LINE, /Threads started: (\d+)/]);
    // The first answer loads the server's framework, in its own thread; it is paid once.
    await answers(profiling, 1);
    const round = {};
    // A drift of the machine cancels out from one round to the next.
    for (const count of index % 2 === 0 ? counts : counts.toReversed()) {
      await app.ask('start');
      const cpuBefore = cpuTime(app.pid).mainThread;
      const statuses = await answers(profiling, count);
      // The delay is counted when the loop turns again.
      await delay(50);
      const mainCpuMs = (cpuTime(app.pid).mainThread - cpuBefore) / 1e6;
      const { longestDelayMs } = await app.ask('stop');
      round[count] = {
        longestDelayMs,
        mainCpuMs,
        refused: statuses.filter((status) => status !== 200).length,
      };
    }
    return round;
  } finally {
    await app.stop();
  }
});

const base = (round) => round[counts[0]].longestDelayMs;
const ratios = (count) => rounds.map((round) => round[count].longestDelayMs / base(round));
const values = (count, key) => rounds.map((round) => round[count][key]);
report({
  name: 'moment-delay',
  machine: where,
  rows: counts.map((count) => ({
    [`clients, ${ask}`]: count,
    'longest delay ms': median(values(count, 'longestDelayMs')).toFixed(1),
    'main CPU ms': median(values(count, 'mainCpuMs')).toFixed(1),
    [`ratio to ${counts[0]}`]: median(ratios(count)).toFixed(2),
    'answers but 200': values(count, 'refused').reduce((sum, refused) => sum + refused, 0),
  })),
  details: {
    rounds: rounds.length,
    ratios: Object.fromEntries(counts.map((count) => [count, summarize(ratios(count))])),
  },
});

/** The status of each answer to so many requests at once. */
function answers(profiling, count) {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const own = apart ? `${ask.includes('?') ? '&' : '?'}threads=0,${10_000 + index}` : '';
      const response = await fetch(`${profiling}/${ask}${own}`);
      await response.arrayBuffer();
      return response.status;
    }),
  );
}
