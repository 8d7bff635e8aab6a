import { printable } from '../thread/pprof/profile.model.js';
import { messageOf } from '../shared/pprof.error.js';
import type { ProcessVariables } from '../shared/process.variables.js';
import { nameWithLine } from '../thread/pprof/hot.paths.js';
import type { SymbolizedProfile } from '../thread/pprof/profile.symbolizer.js';
import { durationText, megabytes } from '../thread/pprof/profile.text.js';
import { type Run, runCapture, type Surroundings } from './capture.command.js';
import { AnswerError, CliError, InterruptedError, UnreachableError } from './cli.errors.js';
import { bold, inLines, LiveTerminal, red } from './live.terminal.js';
import { readProfile, tableLines } from './profile.table.js';
import { queryOf, type ServiceClient } from './service.client.js';
import { withProgress } from './terminal.text.js';

/** Between two tries where one has failed for a reason that may pass. */
const RETRY_MILLIS = 1000;

/** How many functions there are in a table that is printed once. */
const PRINTED_ROWS = 40;

/** @internal */
export const runTop: Run = async (command, options, surroundings) => {
  const { client, signal, stdout } = surroundings;
  const { json, seconds: given, hz, threads, route } = options;
  if (json) {
    await runCapture({ ...command, serves: 'profile' }, options, surroundings);
    return;
  }
  const seconds = Number(given ?? command.defaultSeconds);
  const path = `pprof/profile${queryOf({ seconds: String(seconds), hz, threads, route })}`;
  const take: Take = async (until) => readProfile(await client.get(path, { signal: until, seconds }));
  const first = await observe(client, signal);
  if (stdout.isTTY && process.stdin.isTTY) {
    await runLive(surroundings, take, seconds, first);
    return;
  }
  const profile = await withProgress('top', seconds, () => take(signal));
  const { process: whose, state } = figuresOf(await observe(client, signal), first);
  stdout.write(
    `${[whose.join('  '), state.join('  '), '', ...tableLines(profile, PRINTED_ROWS)].join('\n')}\n`,
  );
};

type Take = (signal: AbortSignal) => Promise<SymbolizedProfile>;

async function observe(client: ServiceClient, signal: AbortSignal): Promise<Observation> {
  const body = await client.get('vars', { signal });
  try {
    const variables = JSON.parse(body.toString('utf8')) as ProcessVariables;
    // Figures that are missing are of another version, or of something else.
    figuresOf({ at: 0, variables }, undefined);
    return { at: Date.now(), variables };
  } catch (cause) {
    throw new UnreachableError(
      '/debug/vars has not the figures of a profiler of this version: what listens there?',
      { cause },
    );
  }
}

async function runLive(
  { client, signal, stdout }: Surroundings,
  take: Take,
  seconds: number,
  first: Observation,
): Promise<void> {
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  let sort: 'flat' | 'cum' = 'flat';
  let status = `first table in ${seconds} s`;
  let figures = figuresOf(first, undefined);
  let stuck: readonly string[] | undefined;
  let profile: SymbolizedProfile | undefined;
  const terminal = new LiveTerminal(process.stdin, stdout, (key) => {
    if (key === 'q' || key === '\u0003') {
      ended.abort(key === 'q' ? undefined : new InterruptedError('interrupted'));
    } else if (key === 's') {
      sort = sort === 'flat' ? 'cum' : 'flat';
      draw();
    }
  });
  const draw = () => {
    const { rows, columns } = terminal;
    const keys = `q ends, s sorts by ${sort === 'flat' ? 'cum' : 'flat'}`;
    const head = [
      ...inLines(figures.process, columns).map(bold),
      ...(stuck === undefined ? inLines(figures.state, columns) : inLines(stuck, columns).map(red)),
      ...inLines([client.target.label, status, keys], columns),
      '',
    ];
    terminal.show([...head, ...(profile ? tableLines(profile, rows - head.length, sort, columns) : [])]);
  };
  try {
    draw();
    let before = first;
    while (!both.aborted) {
      try {
        const [next, now] = await Promise.all([take(both), observe(client, both)]);
        profile = next;
        figures = figuresOf(now, before);
        stuck =
          now.variables.eventLoop.delayMillis === null ? await describeStuck(client, now, both) : undefined;
        before = now;
        status = `${seconds} s each`;
      } catch (error) {
        if (both.aborted) {
          break;
        }
        if (!(error instanceof UnreachableError || (error instanceof AnswerError && error.mayPass))) {
          throw error;
        }
        // It may be restarted, or busy with others: it is asked again, and what was seen stays.
        status = error.message;
        draw();
        await pause(RETRY_MILLIS, both);
      }
      draw();
    }
  } finally {
    terminal.close();
  }
  signal.throwIfAborted();
  if (ended.signal.reason instanceof CliError) {
    throw ended.signal.reason;
  }
}

async function describeStuck(
  client: ServiceClient,
  { variables }: Observation,
  signal: AbortSignal,
): Promise<string[]> {
  const { lastTurn, sinceTurnMillis } = variables.eventLoop;
  const seconds = Math.round(sinceTurnMillis / 1000);
  const stuck = `event loop has NOT TURNED for ${seconds} s`;
  const since = printable(`since ${lastTurn}`);
  try {
    const { samples } = readProfile(await client.get('pprof/goroutine?threads=main', { signal }));
    const [leaf] = samples[0]?.stack ?? [];
    return leaf ? [stuck, `in ${nameWithLine(leaf)}`, since] : [stuck, since];
  } catch (error) {
    signal.throwIfAborted();
    return [stuck, since, `where is not known: ${messageOf(error)}`];
  }
}

async function pause(millis: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, millis);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/** What is known of a process at a moment. */
interface Observation {
  readonly at: number;
  readonly variables: ProcessVariables;
}

/** What the process is, and how it is. Rates are those since the observation before. */
function figuresOf(
  { at, variables }: Observation,
  before: Observation | undefined,
): { readonly process: string[]; readonly state: string[] } {
  const { pid, title, instance, versions, uptimeSeconds, memory, heap, eventLoop, threads } = variables;
  // Not its utilization: while a sampler runs, each signal takes idle time from what libuv counts.
  const loop =
    eventLoop.delayMillis === null
      ? `event loop has NOT TURNED since ${eventLoop.lastTurn}`
      : `event loop delay ${eventLoop.delayMillis.toFixed(1)} ms`;
  const heapSize = heap
    ? `heap ${megabytes(heap['used_heap_size'] ?? 0)} of ${megabytes(heap['heap_size_limit'] ?? 0)}`
    : 'heap ?';
  const name = [title, instance].filter(Boolean).join(', ');
  const up = durationText(uptimeSeconds);
  return {
    process: [name, `pid ${pid}`, `Node ${versions['node'] ?? '?'}`, `up ${up}`].map((part) =>
      printable(part),
    ),
    state: [
      cpuFigure({ at, variables }, before),
      heapSize,
      memory.rss === null ? 'RSS ?' : `RSS ${megabytes(memory.rss)}`,
      loop,
      ...(threads === null ? [] : [`${threads} threads`]),
    ].map((part) => printable(part)),
  };
}

function cpuFigure({ at, variables }: Observation, before: Observation | undefined): string {
  const { cpuSeconds, processors } = variables;
  const limit = `of ${Number(processors.count.toFixed(2))} processors`;
  if (before === undefined || at <= before.at) {
    return `CPU ? ${limit}`;
  }
  const seconds = (at - before.at) / 1000;
  const then = before.variables.cpuSeconds;
  const used = (cpuSeconds.user + cpuSeconds.system - then.user - then.system) / seconds;
  const main =
    cpuSeconds.mainThread === null || then.mainThread === null
      ? ''
      : ` (main ${((cpuSeconds.mainThread - then.mainThread) / seconds).toFixed(2)})`;
  return `CPU ${used.toFixed(2)} ${limit}${main}`;
}
