import { isIP } from 'node:net';
import { isAbsolute, resolve } from 'node:path';
import { type PprofAuthOptions, type PprofModuleOptions, PprofOptionsError } from './pprof.options.js';
import { isLoopback } from './shared/loopback.host.js';
import { PROFILE_NAMES } from './shared/profile.names.js';
import type { ResolvedPprofOptions } from './shared/thread.protocol.js';

/** What an option takes. */
interface Rule {
  readonly default: unknown;
  /** There is no default. */
  readonly isNeeded?: true;
  /** In words. */
  readonly takes: string;
  /** Whether a value other than the default fits; of a list, each item. */
  readonly fits: (value: unknown) => boolean;
  readonly isList?: true;
  /** Options within this one. */
  readonly options?: Readonly<Record<string, Rule>>;
  /** Its value is repeated nowhere. */
  readonly isSecret?: true;
  /** How to get a value that fits from a text, such as all that `process.env` has. */
  readonly fromText?: (text: string) => string;
}

const DIRECTORY: Rule = {
  default: undefined,
  takes: 'the path of a directory',
  fits: (value) => typeof value === 'string' && value !== '',
};

const FILES = {
  maxFiles: integer(5, 1, 100),
  maxBytes: integer(2 ** 26, 65_536, Infinity, 'bytes'),
};

const OPTIONS = {
  enabled: flag(true),
  host: {
    default: 'localhost',
    takes: "a loopback address: 'localhost', '127.0.0.1' or '::1'",
    fits: isHost,
  },
  port: integer(6060, 0, 65_535, '', 'any free port'),
  whenPortTaken: { default: undefined, takes: "'wait' or 'next'", fits: isOneOf('wait', 'next') },
  socketPath: {
    default: undefined,
    takes: "the absolute path of a unix socket: '/run/my-service/pprof.sock'",
    fits: isSocketPath,
  },
  allowedHosts: {
    default: [],
    takes:
      "an array of host names or IP addresses without scheme, port or wildcard, for example ['pprof.internal', '10.0.0.7']",
    fits: (value) => typeof value === 'string' && (isAddress(value) || isHostName(value)),
    isList: true,
  },
  auth: {
    ...group(undefined, {
      username: credential('a text without colons and control characters', /^[^\p{Cc}:]+$/u),
      password: credential('a text without control characters', /^\P{Cc}+$/u),
    }),
    isSecret: true,
  },
  profiles: {
    default: PROFILE_NAMES,
    takes: `an array of names: ${PROFILE_NAMES.join(', ')}`,
    fits: isOneOf(...PROFILE_NAMES),
    isList: true,
  },
  heapSnapshot: flag(false),
  heap: orFalse(
    group(
      {},
      {
        samplingInterval: integer(512 * 1024, 1024, 2 ** 30, 'bytes'),
        stackDepth: integer(64, 1, 128, 'frames'),
      },
    ),
  ),
  block: group({}, { watch: flag(false), threshold: integer(20, 1, 60_000, 'milliseconds') }),
  flightRecorder: orFalse(
    group(false, {
      minutes: integer(15, 1, 60),
      // Not 20: a timer of 50 ms, and of whatever that is a multiple of, falls into step with it (docs/profiles.md).
      hz: integer(19, 1, 100, 'samples per second'),
      labels: flag(false),
      blockThreshold: integer(1000, 100, 60_000, 'milliseconds'),
      heapLimit: integer(undefined, 1, Infinity, 'bytes'),
      rssLimit: integer(undefined, 1, Infinity, 'bytes'),
      directory: DIRECTORY,
      ...FILES,
    }),
  ),
  labels: {
    ...group(true, { everything: flag(false) }),
    takes: 'true, false or an object with everything',
    fits: (value) => value === false || isGroup(value),
    fromText: switchFrom,
  },
  outOfMemory: orFalse(group(false, { directory: { ...DIRECTORY, isNeeded: true }, ...FILES })),
  keepWarm: integer(60, 0, 300, 'seconds', 'never'),
  maxSeconds: integer(300, 1, 3600),
  maxCaptures: integer(16, 1, 256),
} satisfies Record<keyof PprofModuleOptions, Rule>;

/**
 * @param where it comes from
 * @throws {PprofOptionsError} where it is no object that could hold options.
 * @internal
 */
export function checkedObject<T>(given: T, where: string): T & Record<string, unknown> {
  if (!isGroup(given)) {
    throw new PprofOptionsError([
      `the options are ${inspect(given)}, where ${where} needs an object: {} for every default`,
    ]);
  }
  return given;
}

const FACTORIES = ['useFactory', 'useClass', 'useExisting'];

/**
 * @param given what `forRootAsync` has got
 * @throws {PprofOptionsError} where nothing in it makes options.
 * @internal
 */
export function checkedFactory<T>(given: T): T {
  if (!isGroup(given) || FACTORIES.every((name) => given[name] === undefined)) {
    throw new PprofOptionsError([`forRootAsync got ${inspect(given)}, it takes ${FACTORIES.join(', ')}`]);
  }
  return given;
}

/**
 * Checks the options and fills in the defaults.
 *
 * @param given what `forRoot` has got, or the factory of `forRootAsync` has returned
 * @throws {PprofOptionsError} naming each option that is wrong, what it got and what it takes.
 * @internal
 */
export function resolveOptions(given: unknown): ResolvedPprofOptions {
  const all = checkedObject(given, 'forRootAsync (is its factory without a return?)');
  const problems: string[] = [];
  // What fits the rules is of these types.
  const options = resolveAll('', OPTIONS, all, problems) as Required<PprofModuleOptions>;
  problems.push(...combinationProblems(all, options));
  if (problems.length > 0) {
    throw new PprofOptionsError(problems);
  }
  const { auth, flightRecorder, outOfMemory, labels, ...rest } = options;
  return {
    ...rest,
    credentialsHash: auth && hashOf(auth),
    flightRecorder: located(flightRecorder),
    labels: labels === true ? { everything: false } : labels,
    outOfMemory: located(outOfMemory),
  } as ResolvedPprofOptions;
}

/** Its directory stays where it is, whatever the application's working directory becomes. */
function located<T extends { readonly directory?: string }>(options: T | false): T | undefined {
  return options ? { ...options, directory: options.directory && resolve(options.directory) } : undefined;
}

function resolveAll(
  prefix: string,
  rules: Readonly<Record<string, Rule>>,
  given: Readonly<Record<string, unknown>>,
  problems: string[],
): Record<string, unknown> {
  const known = Object.keys(rules);
  const unknown = Object.keys(given).filter((name) => !known.includes(name));
  problems.push(...unknown.map((name) => `unknown option "${prefix}${name}", known are ${known.join(', ')}`));
  const resolved = Object.entries(rules).map(([name, rule]) => [
    name,
    resolveOne(`${prefix}${name}`, rule, givenFor(name, given), given, problems),
  ]);
  return Object.fromEntries(resolved) as Record<string, unknown>;
}

/** An object of a class may have inherited it; but not from what all objects have, which somebody may have added to. */
function givenFor(name: string, given: Readonly<Record<string, unknown>>): unknown {
  const value = given[name];
  return value === Reflect.get(Object.prototype, name) && !Object.hasOwn(given, name) ? undefined : value;
}

function resolveOne(
  name: string,
  rule: Rule,
  given: unknown,
  all: Readonly<Record<string, unknown>>,
  problems: string[],
): unknown {
  const value = given === undefined ? rule.default : given;
  if (value !== rule.default || rule.isNeeded) {
    if (rule.isList && Array.isArray(value)) {
      const wrong = value.filter((item: unknown) => !rule.fits(item));
      problems.push(...wrong.map((item) => `option "${name}" has ${inspect(item)}, it takes ${rule.takes}`));
    } else if (rule.isList || !rule.fits(value)) {
      problems.push(problemOf(name, rule, value, all));
      return rule.default;
    }
  }
  return rule.options && isGroup(value) ? resolveAll(`${name}.`, rule.options, value, problems) : value;
}

function problemOf(name: string, rule: Rule, value: unknown, all: Readonly<Record<string, unknown>>): string {
  const problem = `option "${name}" is ${rule.isSecret ? hidden(value) : inspect(value)}, it takes ${rule.takes}`;
  if (name === 'host') {
    return `${problem}. To reach the profiler from another machine, forward the port: ssh -L 6060:127.0.0.1:${Number(all.port) || 6060} user@this-host`;
  }
  if (Number.isNaN(value)) {
    return `${problem} (Number() of what is no number?)`;
  }
  return typeof value === 'string' && rule.fromText
    ? `${problem} (a string from the environment? use ${rule.fromText(value)})`
    : problem;
}

/** What is wrong with options that fit each by itself. */
function combinationProblems(
  given: Readonly<Record<string, unknown>>,
  { socketPath, outOfMemory, heap }: Required<PprofModuleOptions>,
): string[] {
  const problems: string[] = [];
  const others = ['host', 'port']
    .filter((name) => givenFor(name, given) !== undefined)
    .map((name) => `"${name}"`);
  if (socketPath !== undefined && others.length > 0) {
    problems.push(
      `option "socketPath" takes the place of host and port, leave ${others.join(' and ')} out (or undefined) or "socketPath"`,
    );
  }
  if (socketPath !== undefined && process.platform === 'win32') {
    problems.push('option "socketPath" is not available on Windows, use host and port');
  }
  if (outOfMemory !== false && heap === false) {
    problems.push('option "outOfMemory" needs the heap to be sampled: remove "heap: false"');
  }
  return problems;
}

function hashOf({ username, password }: PprofAuthOptions): string {
  const { createHash } = process.getBuiltinModule('node:crypto');
  return createHash('sha256').update(`${username}:${password}`).digest('hex');
}

/** Right for what people write there, whichever of it this text is. */
function switchFrom(text: string): string {
  return `/^(1|true|yes|on)$/i.test(${JSON.stringify(text)})`;
}

function flag(byDefault: boolean): Rule {
  return { default: byDefault, takes: 'true or false', fits: isOneOf(true, false), fromText: switchFrom };
}

/** @param zero what 0 stands for */
function integer(byDefault: number | undefined, min: number, max: number, unit = '', zero = ''): Rule {
  const from = `${min}${zero && ` (${zero})`}`;
  const range = max === Infinity ? `an integer of at least ${from}` : `an integer from ${from} to ${max}`;
  return {
    default: byDefault,
    takes: unit === '' ? range : `${unit}, ${range}`,
    fits: (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
    // Number('') is 0.
    fromText: (text) => {
      const isEmpty = text.trim() === '' && byDefault !== undefined;
      return isEmpty ? `Number("" || ${byDefault})` : `Number(${JSON.stringify(text)})`;
    },
  };
}

function group(byDefault: unknown, options: Readonly<Record<string, Rule>>): Rule {
  const takes = `an object with ${Object.keys(options).join(', ')}`;
  return { default: byDefault, takes, fits: isGroup, options };
}

function orFalse(rule: Rule): Rule {
  return {
    ...rule,
    takes: `${rule.takes}, or false`,
    fits: (value) => value === false || rule.fits(value),
  };
}

function credential(takes: string, pattern: RegExp): Rule {
  return {
    default: undefined,
    isNeeded: true,
    takes,
    fits: (value) => typeof value === 'string' && pattern.test(value),
    isSecret: true,
  };
}

function isOneOf(...values: readonly unknown[]): (value: unknown) => boolean {
  return (value) => values.includes(value);
}

function isGroup<T>(value: T): value is T & Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Brackets are for URLs and headers. */
function isHost(value: unknown): boolean {
  return typeof value === 'string' && isLoopback(value) && !value.startsWith('[');
}

function isSocketPath(value: unknown): boolean {
  return typeof value === 'string' && isAbsolute(value) && !/[\0\n\r]|\/$/.test(value);
}

/** Without a zone (`fe80::1%eth0`), which no Host header has. */
function isAddress(host: string): boolean {
  return isIP(host) !== 0 && !host.includes('%');
}

/** A last label of digits makes an IPv4 address to a browser, as in `127.1`: that is no name. */
function isHostName(host: string): boolean {
  const labels = host.split('.');
  return (
    host.length <= 253 &&
    labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label)) &&
    !/^(\d+|0x[0-9a-f]*)$/i.test(labels.at(-1)!)
  );
}

function inspect(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    return Array.isArray(value) ? 'an array' : 'an object';
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

/** Never repeats what was given, as that may be the password. */
function hidden(value: unknown): string {
  if (value === undefined || value === null || value === '') {
    return inspect(value);
  }
  return `of type ${typeof value} (not shown here)`;
}
