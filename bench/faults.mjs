/**
 * Throughput of the example while 200 connections trickle into its profiling port, stay idle there, or flood it, against
 * its throughput while they are not there.
 *
 *   node bench/faults.mjs [--kind trickle] [--attackers 200] [--path /health] [--connections 10] [--rounds 6] [--seconds 3]
 *                         [--warmup 2] [--budget 110]
 *
 * Kinds: idle, trickle (headers, a byte every 100 ms), body (likewise), flood (the next request with each answer).
 * With --control the attackers are a second example's: what differs then is the processor time that they and their
 * victim take from the one that is measured, on this machine.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { readArguments } from './support/arguments.mjs';
import { Child, startExample } from './support/child.mjs';
import { underLoad } from './support/load.mjs';
import { pairedRatios, pairedRows } from './support/paired.mjs';
import { machine, report } from './support/report.mjs';
import { abba, runRounds } from './support/rounds.mjs';

const { kind, attackers, path, connections, seconds, warmup, control, ...limits } = readArguments({
  kind: 'trickle',
  attackers: 200,
  path: '/health',
  connections: 10,
  rounds: 6,
  seconds: 3,
  warmup: 2,
  budget: 110,
  control: false,
});

const where = machine();
const rounds = await runRounds(limits, async (index) => {
  const app = await startExample({ enabled: true });
  const victim = control ? await startExample({ enabled: true }) : app;
  const attacker = new Child({
    script: new URL('./fixtures/attacker.mjs', import.meta.url),
    args: [new URL(victim.profiling).port, String(attackers), kind],
    ipc: true,
  });
  await attacker.printed([/(ready)/]);
  // The first request loads the second Nest application, which is not what is measured.
  await fetch(`${victim.profiling}/cmdline`);
  const round = { calm: [], attacked: [] };
  try {
    await underLoad({ url: app.url, path, connections, pid: app.pid }, async (measure) => {
      await delay(warmup * 1000);
      for (const name of abba(index, 'calm', 'attacked')) {
        if (name === 'attacked') {
          await attacker.ask('start');
        }
        round[name].push(await measure(() => delay(seconds * 1000)));
        if (name === 'attacked') {
          const { status } = await fetch(`${victim.profiling}/`);
          if (status !== 200) {
            throw new Error(`the profiling port answers ${status} under attack`);
          }
          await attacker.ask('stop');
        }
      }
    });
    await fetch(`${victim.profiling}/`);
  } finally {
    await Promise.all([...new Set([app, victim, attacker])].map((child) => child.stop()));
  }
  return round;
});

const ratios = pairedRatios(rounds, ['attacked', 'calm']);
report({
  name: control ? `faults, ${kind}, control` : `faults, ${kind}`,
  machine: where,
  rows: pairedRows({
    path,
    rounds,
    titles: { calm: 'calm', attacked: control ? 'another process attacked' : 'attacked' },
    ratios,
  }),
  details: {
    kind,
    attackers,
    path,
    connections,
    rounds: rounds.length,
    throughputRatio: ratios.throughput,
    cpuPerRequestRatio: ratios.cpuPerRequest,
  },
});
