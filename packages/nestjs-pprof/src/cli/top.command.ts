import { printable } from '../thread/pprof/profile.model.js';
import { messageOf } from '../shared/pprof.error.js';
import type { ProcessVariables } from '../shared/process.variables.js';
import { nameWithLine } from '../thread/pprof/hot.paths.js';
import type { SymbolizedProfile } from '../thread/pprof/profile.symbolizer.js';
import { runCapture, type Surroundings } from './capture.command.js';
import { AnswerError, CliError, InterruptedError, UnreachableError } from './cli.errors.js';
import type { Options } from './command.line.js';
import type { CommandDescription } from './command.table.js';
import { bold, LiveTerminal, red } from './live.terminal.js';
import { figureLines, type Observation } from './process.figures.js';
import { readProfile, tableLines } from './profile.table.js';
import { withProgress } from './progress.bar.js';
import { queryOf, type ServiceClient } from './service.client.js';

/** Between two tries where one has failed for a reason that may pass. */
const RETRY_MILLIS = 1000;

/** How many functions there are in a table that is printed once. */
const PRINTED_ROWS = 40;

/** @internal */
export async function runTop(
  command: CommandDescription,
  options: Options,
  surroundings: Surroundings,
): Promise<void> {
  const { client, signal, stdout } = surroundings;
  if (options.json) {
    await runCapture({ ...command, serves: 'profile' }, options, surroundings);
    return;
  }
  const asked = askFor(command, options);
  if (!stdout.isTTY || !process.stdin.isTTY) {
    const before = await observe(client, signal);
    const profile = await withProgress('top', asked.seconds, () => asked.profile(client, signal));
    const lines = [
      ...figureLines(await observe(client, signal), before),
      '',
      ...tableLines(profile, PRINTED_ROWS),
    ];
    stdout.write(`${lines.join('\n')}\n`);
    return;
  }
  const first = await observe(client, signal);
  await runLive(client, asked, first, signal, stdout);
}

interface Asked {
  readonly seconds: number;
  profile(client: ServiceClient, signal: AbortSignal): Promise<SymbolizedProfile>;
}

function askFor(
  { defaultSeconds = 3 }: CommandDescription,
  { seconds: given, hz, threads, route }: Options,
): Asked {
  const seconds = given === undefined ? defaultSeconds : Number(given);
  const query = queryOf({ seconds: String(seconds), hz, threads, route });
  return {
    seconds,
    profile: async (client, signal) =>
      readProfile(await client.get(`pprof/profile${query}`, { signal, seconds })),
  };
}

async function observe(client: ServiceClient, signal: AbortSignal): Promise<Observation> {
  const body = await client.get('vars', { signal });
  try {
    const variables = JSON.parse(body.toString('utf8')) as ProcessVariables;
    // Figures that are missing are of another version, or of something else.
    figureLines({ at: 0, variables }, undefined);
    return { at: Date.now(), variables };
  } catch (cause) {
    throw new UnreachableError(
      '/debug/vars has not the figures of a profiler of this version: what listens there?',
      { cause },
    );
  }
}

async function runLive(
  client: ServiceClient,
  asked: Asked,
  first: Observation,
  signal: AbortSignal,
  stdout: NodeJS.WriteStream,
): Promise<void> {
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  let sort: 'flat' | 'cum' = 'flat';
  let status = `first table in ${asked.seconds} s`;
  let figures = figureLines(first, undefined);
  let stuck: string | undefined;
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
    const head = [
      bold(figures[0] ?? ''),
      ...(stuck === undefined ? figures.slice(1) : [red(stuck)]),
      `${client.target.label}  ${status}  q ends, s sorts by ${sort === 'flat' ? 'cum' : 'flat'}`,
      '',
    ];
    terminal.show([...head, ...(profile ? tableLines(profile, terminal.rows - head.length, sort) : [])]);
  };
  try {
    draw();
    let before = first;
    while (!both.aborted) {
      try {
        const [next, now] = await Promise.all([asked.profile(client, both), observe(client, both)]);
        profile = next;
        figures = figureLines(now, before);
        stuck =
          now.variables.eventLoop.delayMillis === null ? await describeStuck(client, now, both) : undefined;
        before = now;
        status = `${asked.seconds} s each`;
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
): Promise<string> {
  const { lastTurn, sinceTurnMillis } = variables.eventLoop;
  const seconds = Math.round(sinceTurnMillis / 1000);
  const since = printable(`event loop has NOT TURNED for ${seconds} s, since ${lastTurn}`, 300);
  try {
    const { samples } = readProfile(await client.get('pprof/goroutine?threads=main', { signal }));
    const [leaf] = samples[0]?.stack ?? [];
    return leaf ? `${since}, in ${nameWithLine(leaf)}` : since;
  } catch (error) {
    signal.throwIfAborted();
    return `${since}; where is not known: ${messageOf(error)}`;
  }
}

async function pause(millis: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, millis);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
