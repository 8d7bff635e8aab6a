/** Of the command line; what a command takes is checked before anything is asked. @internal */
export const OPTIONS = {
  seconds: { type: 'string', short: 's' },
  hz: { type: 'string' },
  threads: { type: 'string', short: 't' },
  route: { type: 'string' },
  past: { type: 'string' },
  until: { type: 'string' },
  threshold: { type: 'string' },
  gc: { type: 'boolean' },
  of: { type: 'string' },
  format: { type: 'string', short: 'f' },
  output: { type: 'string', short: 'o' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const;

/** @internal */
export type OptionName = keyof typeof OPTIONS;

/** What stands for each in the help: the value, and what it is for. */
const OPTION_HELP: Readonly<Record<OptionName, readonly [value: string, text: string]>> = {
  seconds: ['N', 'length of the window'],
  hz: ['N', 'samples per second, 1 to 1000 (100)'],
  threads: ['T', 'all, main, or thread ids separated by commas'],
  route: ['R', 'only what was done for requests of this route, such as "GET /orders/:id"'],
  past: ['N', 'the last N seconds, where the flight recorder of the service is on'],
  until: ['TIME', 'with --past: the end of that time, 2026-11-28T03:12:00Z or 03:12:00'],
  threshold: ['MS', 'how long a turn of the event loop may take before it blocks'],
  gc: ['', 'collect garbage first'],
  of: ['PROFILE', 'what the report is of: profile (the default), heap, allocs or block'],
  format: ['F', 'pprof, text, markdown, and of V8 cpuprofile or heapprofile; else by the ending of FILE'],
  output: ['FILE', 'save to FILE (.pb.gz, .cpuprofile, .heapprofile, .md, .txt, .json)'],
  json: ['', 'what is shown, as JSON for a script'],
  help: ['', 'this help, or that of a command'],
  version: ['', 'the version'],
};

/** A command, for its help and the check of its options. @internal */
export interface CommandDescription {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly OptionName[];
  /** Under `/debug/pprof/`, where that is not its name. */
  readonly serves?: string;
  readonly defaultSeconds?: number;
  readonly examples: readonly string[];
}

const SAVED: readonly OptionName[] = ['format', 'output', 'json'];

/** @internal */
export const COMMANDS: readonly CommandDescription[] = [
  {
    name: 'top',
    summary: 'the hottest functions and routes, refreshed; q ends it. Without a terminal: one table',
    options: ['seconds', 'hz', 'threads', 'route', 'json'],
    defaultSeconds: 3,
    examples: ['top', 'top 6061', 'top --threads main --seconds 5'],
  },
  {
    name: 'profile',
    summary: 'where CPU time goes',
    options: ['seconds', 'hz', 'threads', 'route', 'past', 'until', ...SAVED],
    defaultSeconds: 10,
    examples: ['profile', 'profile --seconds 30 -o cpu.pb.gz', 'profile 6061 -o main.cpuprofile'],
  },
  {
    name: 'heap',
    summary: 'live objects by where they were allocated; with --seconds, what that time has changed',
    options: ['seconds', 'gc', 'threads', ...SAVED],
    examples: ['heap --gc', 'heap --seconds 60', 'heap -o heap.heapprofile'],
  },
  {
    name: 'allocs',
    summary: 'all that is allocated in the window, garbage too; heap begins anew after it',
    options: ['seconds', 'threads', ...SAVED],
    defaultSeconds: 10,
    examples: ['allocs --seconds 10'],
  },
  {
    name: 'block',
    summary: 'what keeps event loops from turning',
    options: ['seconds', 'threshold', 'threads', ...SAVED],
    defaultSeconds: 10,
    examples: ['block --threshold 50'],
  },
  {
    name: 'stacks',
    summary: 'what every thread is doing at this moment, also while the event loop is stuck',
    serves: 'goroutine',
    options: ['threads', 'output', 'json'],
    examples: ['stacks', 'stacks /run/app/pprof.sock'],
  },
  {
    name: 'incidents',
    summary: 'what has blocked the loop or filled the heap, where the flight recorder is on',
    options: ['output', 'json'],
    examples: ['incidents', 'incidents --json'],
  },
  {
    name: 'report',
    summary: 'a report in Markdown, to hand to a colleague or a model',
    options: ['of', 'seconds', 'hz', 'gc', 'threshold', 'threads', 'route', 'past', 'until', 'output'],
    examples: ['report > report.md', 'report --of heap --gc', 'report --seconds 30 -o cpu.md'],
  },
  {
    name: 'list',
    summary: 'the processes of this user on this machine that can be profiled',
    options: ['json'],
    examples: ['list', 'list --json'],
  },
];

const ENVIRONMENT = `Whom to ask (TARGET): a port (6060), a URL (http://127.0.0.1:6060), or the path of a unix socket
(/run/app/pprof.sock). Without one: $PPROF_URL, else the only profiler of this user on this machine,
else port 6060, where a tunnel (ssh -L 6060:127.0.0.1:6060 user@host) ends.

Credentials: $PPROF_AUTH, which is USER:PASSWORD; or $PPROF_URL with both in it; else they are asked
for. A password on the command line can be read by every user of the machine while it runs.`;

const EXIT_CODES = `Exit codes: 0 done · 1 the service refused (it says why) · 2 the command line · 3 nobody answers,
or no profiler · 4 credentials · 5 FILE cannot be written · 130 interrupted`;

/** @internal */
export function generalHelp(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  return `nestjs-pprof: looks into a NestJS service that has PprofModule

Usage: npx nestjs-pprof COMMAND [TARGET] [options]

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')}

${ENVIRONMENT}

Examples:
${['top', 'profile 6061 --seconds 30 -o cpu.pb.gz', 'heap --gc', 'stacks', 'report > report.md'].map(exampleLine).join('\n')}

${EXIT_CODES}

npx nestjs-pprof COMMAND --help tells the options of one.
`;
}

/** @internal */
export function helpOf({ name, summary, options, defaultSeconds, examples }: CommandDescription): string {
  const target = name === 'list' ? '' : ' [TARGET]';
  const lines = [...options, 'help' as const].map((option) => {
    const [value, text] = OPTION_HELP[option];
    const short = 'short' in OPTIONS[option] ? `-${OPTIONS[option].short}, ` : '    ';
    const ofDefault = option === 'seconds' && defaultSeconds ? ` (${defaultSeconds})` : '';
    return `  ${short}${`--${option}${value ? ` ${value}` : ''}`.padEnd(18)}${text}${ofDefault}`;
  });
  return `nestjs-pprof ${name}: ${summary}

Usage: npx nestjs-pprof ${name}${target} [options]

${lines.join('\n')}
${name === 'list' ? '' : `\n${ENVIRONMENT}\n`}
Examples:
${examples.map(exampleLine).join('\n')}

${EXIT_CODES}
`;
}

function exampleLine(example: string): string {
  return `  npx nestjs-pprof ${example}`;
}
