import { get, withApp } from '../support/app.mjs';
import { runRounds } from '../support/rounds.mjs';

const OURS = { profiler: 'nestjs-pprof' };
const CASES = {
  disabled: { ...OURS, options: { enabled: false } },
  again: { ...OURS, options: { enabled: false } },
  enabled: OURS,
  capturing: OURS,
};

export const closing = {
  name: 'closing',
  title: 'Closing the application',
  share: 25,
  tables: [
    {
      id: 'close',
      title: '`app.close()`',
      text: `Of an application without load, each in a new process: also in the middle of a \`profile\` and a \`block\` that have minutes to go.`,
      base: 'disabled',
      control: 'again',
      rows: {
        disabled: { label: '`enabled: false`' },
        again: { label: '`enabled: false`, again (control)' },
        enabled: { label: 'on', kind: 'ours' },
        capturing: { label: 'in the middle of captures', kind: 'ours' },
      },
      columns: {
        close: { label: 'until it is closed', unit: 'ms', digits: 1, compare: 'difference', better: 'lower' },
      },
      says: ['close'],
    },
  ],
  async run({ node, limits }) {
    return {
      close: await runRounds(limits, Object.keys(CASES), (name) =>
        withApp(node, CASES[name], async (app) => {
          const cut = name === 'capturing' ? await beginCaptures(app.profiling) : [];
          const close = await app.child.ask('close');
          await Promise.all(cut);
          return { [name]: { at: { close } } };
        }),
      ),
    };
  },
};

async function beginCaptures(profiling) {
  const cut = ['profile', 'block'].map((kind) =>
    get(`${profiling}/${kind}?seconds=300`, { timeout: 300_000 }).catch(() => undefined),
  );
  // When this has been answered, they have begun.
  await get(`${profiling}/profile?seconds=1`);
  return cut;
}
