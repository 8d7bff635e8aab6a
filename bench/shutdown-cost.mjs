/**
 * How long `app.close()` takes without profiling, with it, and in the middle of captures that have minutes to go.
 *
 *   node bench/shutdown-cost.mjs [--rounds 15] [--budget 110]
 */
import { readArguments } from './support/arguments.mjs';
import { APP_LINE, Child, PPROF_LINE } from './support/child.mjs';
import { machine, report } from './support/report.mjs';
import { runRounds } from './support/rounds.mjs';
import { summarize } from './support/statistics.mjs';

const MODES = { disabled: [], enabled: [], 'enabled, capturing': ['profile', 'block'] };

const limits = readArguments({ rounds: 15, budget: 110 });

const where = machine();
const rounds = await runRounds(limits, async () => {
  const round = {};
  for (const [mode, captures] of Object.entries(MODES)) {
    round[mode] = await closeOne(mode, captures);
  }
  return round;
});

const details = Object.fromEntries(
  Object.keys(MODES).map((mode) => [mode, summarize(rounds.map((round) => round[mode]))]),
);
const rows = Object.entries(details).map(([mode, { median, quartiles, range }]) => ({
  mode,
  'close() ms, median': median.toFixed(1),
  'upper quartile': quartiles[1].toFixed(1),
  longest: range[1].toFixed(1),
  '+ ms': (median - details.disabled.median).toFixed(1),
}));
report({
  name: 'shutdown-cost',
  machine: where,
  rows,
  details: { rounds: rounds.length, closeMillis: details },
});

async function closeOne(mode, captures) {
  const enabled = mode !== 'disabled';
  const app = new Child({
    script: new URL('fixtures/closing.app.mjs', import.meta.url),
    args: [enabled ? 'enabled' : 'disabled'],
    ipc: true,
  });
  try {
    const [, profiling] = await app.printed(enabled ? [APP_LINE, PPROF_LINE] : [APP_LINE]);
    const cut = captures.map((kind) => fetch(`${profiling}/${kind}?seconds=300`).catch(() => undefined));
    if (captures.length > 0) {
      // When this has been answered, they have begun.
      await (await fetch(`${profiling}/profile?seconds=1`)).arrayBuffer();
    }
    const millis = await app.ask('close');
    await Promise.all(cut);
    return millis;
  } finally {
    await app.stop();
  }
}
