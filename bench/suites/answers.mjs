import { setTimeout as delay } from 'node:timers/promises';
import { get, withApp } from '../support/app.mjs';
import { cpuTime, residentMemory } from '../support/proc.mjs';
import { limitProcessor } from '../support/quota.mjs';
import { part, runRounds } from '../support/rounds.mjs';

const MB = 1024 * 1024;
const SECONDS = 1;
const STUCK_MS = 8000;
const PATIENCE_MS = 5000;
const SHARE = 0.2;

const OURS = {
  config: { profiler: 'nestjs-pprof' },
  take: ({ profiling }) => get(`${profiling}/profile?seconds=${SECONDS}&format=text`),
};
const WAYS = {
  ours: OURS,
  again: OURS,
  pyroscope: {
    config: { profiler: 'pyroscope' },
    take: ({ url }, timeout) => get(`${url}/debug/pprof/profile?seconds=${SECONDS}`, { timeout }),
  },
  datadog: {
    config: { profiler: 'datadog' },
    take: ({ child }, timeout) => child.ask('capture', SECONDS, timeout),
  },
  inspector: {
    config: { profiler: 'inspector' },
    take: ({ child }, timeout) => child.ask('capture', SECONDS, timeout),
  },
};

const PEERS = {
  pyroscope: { label: '@pyroscope/nodejs', kind: 'peer' },
  datadog: { label: '@datadog/pprof on main', kind: 'peer' },
  inspector: { label: 'inspector on main', kind: 'peer' },
};
const beside = Object.keys(PEERS);
const PAST = { label: 'beyond the second', unit: 'ms', digits: 0, better: 'lower' };

export const answers = {
  name: 'answers',
  title: 'When it is needed most',
  share: 90,
  tables: [
    {
      id: 'stuck',
      title: 'A stuck event loop',
      text: `The main thread runs a loop that does not end while it is watched; ${SECONDS} s of CPU profile are asked for meanwhile, for the first time in
the process. Who does not answer within ${PATIENCE_MS / 1000} s is shown as that: an answer that comes when the loop has ended is none.`,
      base: 'ours',
      control: 'again',
      rows: {
        ours: { label: 'nestjs-pprof', kind: 'ours' },
        again: { label: 'nestjs-pprof, again (control)' },
        ...PEERS,
      },
      columns: {
        past: PAST,
        names: { label: 'profiles that name the loop', unit: '%', digits: 0, better: 'higher' },
      },
      says: ['past'],
    },
    {
      id: 'first',
      title: 'The first profile of a process',
      text: `${SECONDS} s of CPU profile, the first that a process without load is asked for: ours has to load the profiling server first, in a thread of its
own. CPU is that of all threads, memory what is resident after the answer and was not before.`,
      base: 'ours',
      control: 'again',
      rows: {
        ours: { label: 'nestjs-pprof', kind: 'ours', beside },
        again: { label: 'nestjs-pprof, again (control)' },
        second: { label: 'nestjs-pprof, the second profile', kind: 'ours', beside },
        ...PEERS,
      },
      columns: {
        past: PAST,
        cpu: { label: 'CPU, all threads', unit: 'ms', digits: 0, better: 'lower' },
        rss: { label: 'memory', unit: 'MB', digits: 1, better: 'lower' },
      },
      says: ['past', 'cpu'],
    },
    {
      id: 'starved',
      title: 'With a fifth of a processor',
      text: `The same of a process that may use ${SHARE} of a processor (a control group, which needs root), and whose main thread takes all of it.`,
      base: 'ours',
      control: 'again',
      rows: {
        ours: { label: 'nestjs-pprof', kind: 'ours', beside: ['pyroscope'] },
        again: { label: 'nestjs-pprof, again (control)' },
        second: { label: 'nestjs-pprof, the second profile', kind: 'ours', beside: ['pyroscope'] },
        pyroscope: PEERS.pyroscope,
      },
      columns: { past: PAST },
      says: ['past'],
    },
  ],
  async run({ node, limits }) {
    const of = (share, cases, measure) => runRounds(part(limits, share), cases, measure);
    const all = Object.keys(WAYS);
    return {
      stuck: await of(0.35, all, (name) => stuck(node, name)),
      first: await of(0.3, all, (name) => first(node, name)),
      starved: await of(0.35, ['ours', 'again', 'pyroscope'], (name) => starved(node, name)),
    };
  },
};

function stuck(node, name) {
  const { config, take } = WAYS[name];
  return withApp(node, { ...config, typescript: true }, async (app) => {
    await app.child.ask('block', STUCK_MS);
    await delay(300);
    try {
      const { past, answer } = await timed(() => take(app, PATIENCE_MS));
      return { [name]: { at: { past, names: String(answer).includes('spin') ? 100 : 0 } } };
    } catch (error) {
      throw new Error(`no answer within ${PATIENCE_MS / 1000} s while the loop was stuck`, { cause: error });
    }
  });
}

function first(node, name) {
  const { config, take } = WAYS[name];
  return withApp(node, { ...config, typescript: true }, async (app) => {
    const one = async () => {
      const cpu = cpuTime(app.child.pid).process;
      const rss = residentMemory(app.child.pid).total;
      const { past } = await timed(() => take(app));
      return {
        at: {
          past,
          cpu: (cpuTime(app.child.pid).process - cpu) / 1e6,
          rss: (residentMemory(app.child.pid).total - rss) / MB,
        },
      };
    };
    return { [name]: await one(), ...(name === 'ours' && { second: await one() }) };
  });
}

function starved(node, name) {
  const { config, take } = WAYS[name];
  return withApp(node, { ...config, typescript: true }, async (app) => {
    const unlimit = limitProcessor(app.child.pid, SHARE);
    if (unlimit === undefined) {
      throw new Error('needs root and control groups');
    }
    void app.child.exited.then(unlimit);
    await app.child.ask('beBusy');
    const one = async () => ({ at: { past: (await timed(() => take(app))).past } });
    return { [name]: await one(), ...(name === 'ours' && { second: await one() }) };
  });
}

async function timed(task) {
  const began = performance.now();
  const answer = await task();
  return { answer, past: performance.now() - began - SECONDS * 1000 };
}
