import { parseArgs } from 'node:util';
import { UsageError } from './cli.errors.js';
import { type CommandDescription, COMMANDS, type OptionName, OPTIONS } from './command.table.js';

/** What the command line says. @internal */
export type CommandLine =
  | { readonly wants: 'help'; readonly command: CommandDescription | undefined }
  | { readonly wants: 'version' }
  | {
      readonly wants: 'run';
      readonly command: CommandDescription;
      readonly target: string | undefined;
      readonly options: Options;
    };

/** @internal */
export type Options = {
  readonly [Name in OptionName]?: (typeof OPTIONS)[Name]['type'] extends 'boolean' ? boolean : string;
};

const SAVED_FORMATS = ['pprof', 'text', 'markdown', 'cpuprofile', 'heapprofile'];

/** @throws {UsageError} @internal */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { values, positionals } = parsed(args);
  const [name, target, ...more] = positionals;
  if (values.version) {
    return { wants: 'version' };
  }
  if (name === undefined || name === 'help') {
    if (name === undefined && !values.help) {
      throw new UsageError('no command: `npx nestjs-pprof --help` has them');
    }
    return { wants: 'help', command: target === undefined ? undefined : commandNamed(target) };
  }
  const command = commandNamed(name);
  if (values.help) {
    return { wants: 'help', command };
  }
  if (more.length > 0 || (command.name === 'list' && target !== undefined)) {
    throw new UsageError(`${command.name} takes ${command.name === 'list' ? 'no target' : 'one target'}`);
  }
  const foreign = Object.keys(values).find((option) => !command.options.includes(option as OptionName));
  if (foreign !== undefined) {
    throw new UsageError(
      `${command.name} has no option --${foreign}; it has ${command.options.map((option) => `--${option}`).join(', ')}`,
    );
  }
  checkValues(values);
  return { wants: 'run', command, target, options: values };
}

function parsed(args: readonly string[]): { values: Options; positionals: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
    return { values, positionals };
  } catch (error) {
    // An argument that looks like an option and is none is repeated there; the rest of the message is advice.
    const reason = (error as Error).message.split('. ')[0]!;
    throw new UsageError(
      `${reason}: ${hintOnTarget(args) ?? '`npx nestjs-pprof COMMAND --help` has the options of a command'}`,
    );
  }
}

/** What other programs have such options for. */
const TARGET_OPTION =
  /^(?:-p(?=\d|$)|--(?:port|host|hostname|url|address|target|socket|socket-?path|unix-socket)(?==|$)=?)(.+)?$/is;

/** How the service that somebody has given as an option is named. */
function hintOnTarget(args: readonly string[]): string | undefined {
  const at = args.findIndex((arg) => TARGET_OPTION.test(arg));
  if (at === -1) {
    return undefined;
  }
  const command = COMMANDS.find(({ name }) => args.includes(name))?.name ?? 'COMMAND';
  const value = TARGET_OPTION.exec(args[at]!)![1] ?? args[at + 1] ?? '';
  // What is no port may have a password in it.
  const target = /^\d{1,5}$/.test(value) ? value : 'TARGET';
  return `the port, socket or URL of a service comes without an option, \`npx nestjs-pprof ${command} ${target}\``;
}

function commandNamed(name: string): CommandDescription {
  const command = COMMANDS.find((each) => each.name === name);
  if (command === undefined) {
    const known = COMMANDS.map((each) => each.name).join(', ');
    throw new UsageError(`no such command; there are ${known}`);
  }
  return command;
}

/** What the service cannot tell better. */
function checkValues({ seconds, format, json, output, past, until }: Options): void {
  if (seconds !== undefined && !/^[1-9]\d{0,5}$/.test(seconds)) {
    throw new UsageError('--seconds takes a whole number of seconds');
  }
  if (seconds !== undefined && past !== undefined) {
    throw new UsageError('--seconds and --past exclude each other');
  }
  if (until !== undefined && past === undefined) {
    throw new UsageError('--until goes with --past');
  }
  if (format !== undefined && !SAVED_FORMATS.includes(format)) {
    throw new UsageError(`--format takes one of ${SAVED_FORMATS.join(', ')}`);
  }
  if (json && format !== undefined) {
    throw new UsageError('--json and --format exclude each other');
  }
  if (output === '') {
    throw new UsageError('--output takes the name of a file');
  }
}
