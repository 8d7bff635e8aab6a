import { access, constants, stat, writeFile } from 'node:fs/promises';
import { dirname, extname } from 'node:path';
import { messageOf } from '../shared/pprof.error.js';
import type { SymbolizedProfile } from '../thread/pprof/profile.symbolizer.js';
import { CliError, UsageError } from './cli.errors.js';
import type { Options } from './command.line.js';
import { type CommandDescription, COMMANDS, type OptionName } from './command.table.js';
import { frameOf, profileAsJson, readProfile } from './profile.table.js';
import { queryOf, type ServiceClient } from './service.client.js';
import { terminalText, withProgress } from './terminal.text.js';

/** What a command works with. @internal */
export interface Surroundings {
  readonly client: ServiceClient;
  readonly signal: AbortSignal;
  readonly stdout: NodeJS.WriteStream;
}

/** @internal */
export type Run = (
  command: CommandDescription,
  options: Options,
  surroundings: Surroundings,
) => Promise<void>;

/** @internal */
export class FileError extends CliError {
  readonly exitCode = 5;
}

const FORMATS_BY_ENDING: Readonly<Record<string, string>> = {
  '.gz': 'pprof',
  '.pb': 'pprof',
  '.pprof': 'pprof',
  '.cpuprofile': 'cpuprofile',
  '.heapprofile': 'heapprofile',
  '.md': 'markdown',
  '.txt': 'text',
  '.json': 'json',
};

/** For a terminal; all else is for a program, and goes on as it is. */
const TO_READ = new Set(['text', 'markdown', 'json']);

/** Asks for one profile, in the format that is wanted, and shows or saves it. @internal */
export const runCapture: Run = async (command, options, surroundings) => {
  const format = formatOf(options);
  const isToRead = TO_READ.has(format);
  if (!isToRead && !isFile(options.output) && surroundings.stdout.isTTY) {
    throw new UsageError(`${format} is not for a terminal: save it with -o FILE`);
  }
  const seconds = secondsOf(command, options);
  const { hz, threads, route, past, until, threshold, gc } = options;
  const query = {
    seconds: seconds === undefined ? undefined : String(seconds),
    hz,
    threads,
    route,
    past,
    until,
    threshold,
    gc: gc ? '1' : undefined,
    format: format === 'pprof' || format === 'json' ? undefined : format,
  };
  const body = await fetched(command, query, options, surroundings, seconds);
  const shown = format === 'json' ? jsonOf(profileAsJson(readProfile(body))) : body;
  await put(shown, isToRead, options, surroundings.stdout);
};

/** What every thread is doing; the text that the service makes of it, or each stack as JSON. @internal */
export const runStacks: Run = async (command, options, surroundings) => {
  const { threads, json } = options;
  const body = await fetched(command, { debug: json ? undefined : '2', threads }, options, surroundings);
  await put(json ? jsonOf(stacksAsJson(readProfile(body))) : body, true, options, surroundings.stdout);
};

function stacksAsJson({ samples, comments, startedAt }: SymbolizedProfile): object {
  const threads = samples.map(({ stack, labels: { thread = null, state = null } }) => ({
    thread,
    state,
    stack: stack.map(frameOf),
  }));
  return { startedAt: new Date(startedAt).toISOString(), threads, comments };
}

/** @internal */
export const runIncidents: Run = async (command, options, surroundings) => {
  const body = await fetched(command, { format: options.json ? 'json' : undefined }, options, surroundings);
  await put(body, true, options, surroundings.stdout);
};

async function fetched(
  { name, serves = name }: CommandDescription,
  query: Readonly<Record<string, string | undefined>>,
  { output }: Options,
  { client, signal }: Surroundings,
  seconds?: number,
): Promise<Buffer> {
  if (isFile(output)) {
    await checkWritable(output);
  }
  return withProgress(name, seconds, () =>
    client.get(`pprof/${serves}${queryOf(query)}`, { signal, seconds }),
  );
}

/** What has taken a minute cannot be taken again. @throws {FileError} */
async function checkWritable(output: string): Promise<void> {
  try {
    const found = await stat(output).catch(() => undefined);
    if (found?.isDirectory()) {
      throw new Error('it is a directory');
    }
    await access(found ? output : dirname(output), constants.W_OK);
  } catch (error) {
    throw new FileError(`${output} cannot be written: ${messageOf(error)}`, { cause: error });
  }
}

function jsonOf(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}

/** What a report can be of. */
const REPORTED: readonly string[] = ['profile', 'heap', 'allocs', 'block'];

/** @throws {UsageError} @internal */
export const runReport: Run = async (command, { of = 'profile', ...options }, surroundings) => {
  const reported = COMMANDS.find(({ name }) => name === of && REPORTED.includes(name));
  if (reported === undefined) {
    throw new UsageError(`--of takes one of ${REPORTED.join(', ')}`);
  }
  const foreign = Object.keys(options).find((name) => !reported.options.includes(name as OptionName));
  if (foreign !== undefined) {
    throw new UsageError(`a report of ${of} has no option --${foreign}`);
  }
  await runCapture(
    { ...reported, serves: reported.name, name: command.name },
    { ...options, format: 'markdown' },
    surroundings,
  );
};

function formatOf({ format, output, json }: Options): string {
  if (json) {
    return 'json';
  }
  if (format !== undefined || !isFile(output)) {
    return format ?? 'text';
  }
  const byEnding = FORMATS_BY_ENDING[extname(output).toLowerCase()];
  if (byEnding === undefined) {
    throw new UsageError(
      `the ending of the file tells no format: ${Object.keys(FORMATS_BY_ENDING).join(', ')}; or name one with --format`,
    );
  }
  return byEnding;
}

function secondsOf({ defaultSeconds }: CommandDescription, { seconds, past }: Options): number | undefined {
  if (past !== undefined) {
    return undefined;
  }
  return seconds === undefined ? defaultSeconds : Number(seconds);
}

function isFile(output: string | undefined): output is string {
  return output !== undefined && output !== '-';
}

/** A file is there when all of it is, and not before. */
async function put(
  body: Buffer,
  isText: boolean,
  { output }: Options,
  stdout: NodeJS.WriteStream,
): Promise<void> {
  if (isFile(output)) {
    try {
      await writeFile(output, body);
    } catch (error) {
      throw new FileError(`${output} cannot be written: ${messageOf(error)}`, { cause: error });
    }
    process.stderr.write(`saved ${output}\n`);
    return;
  }
  const shown = isText ? terminalText(body.toString('utf8')) : body;
  await new Promise<void>((resolve, reject) => {
    stdout.write(shown, (error) => (error ? reject(error) : resolve()));
  });
}
