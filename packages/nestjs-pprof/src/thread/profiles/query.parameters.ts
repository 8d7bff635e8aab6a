import { PprofError } from '../../shared/pprof.error.js';
import { MAIN_THREAD, type ThreadSelection } from '../capture/thread.selection.js';
import { printable } from '../pprof/profile.model.js';
import type {
  CheckedRequest,
  ProfileFormat,
  ProfileKind,
  Query,
  RecordingOptions,
  Stretch,
} from './recording.kind.js';

const MAX_HZ = 1000;
const MAX_THRESHOLD_MILLIS = 60_000;

/**
 * Checks the parameters of a request, in the order of the HTTP contract.
 *
 * @throws {BadParameterError} or where that is off
 * @internal
 */
export function parseProfileRequest(
  { parameters }: ProfileKind,
  query: Query,
  { maxSeconds, thresholdMillis, recorder }: Omit<RecordingOptions, 'heapSnapshot'>,
): CheckedRequest {
  if (!parameters.past) {
    refusePast(query);
  }
  const past = parameters.past ? stretchOf(query, recorder) : undefined;
  const seconds = query.seconds === undefined ? undefined : parseSeconds(query.seconds, maxSeconds);
  const debug = parameters.debug ? Number(parseChoice('debug', query.debug ?? '0', ['0', '1', '2'])) : 0;
  if (seconds !== undefined && debug !== 0) {
    throw new BadParameterError('seconds and debug params are incompatible');
  }
  const format = parseChoice('format', query.format ?? 'pprof', parameters.formats);
  const hasOneThread = debug === 0 && isV8Format(format);
  if (hasOneThread && seconds !== undefined && parameters.seconds.kind !== 'window') {
    throw new BadParameterError(`"seconds" parameter is not supported with format=${format}`);
  }
  const byDefault =
    parameters.seconds.kind === 'window' ? Math.min(parameters.seconds.default, maxSeconds) : undefined;
  const window = past ? undefined : (seconds ?? byDefault);
  // To sample at the recorder's rate starts nothing, while V8's start at another one, and at the recorder's again afterwards,
  // holds up main: with a heap of a gigabyte for most of a second each time.
  const usesRecorder = parameters.past && recorder && !(window && isV8Format(format));
  const defaultHz = usesRecorder ? recorder.hz : (parameters.hz?.default ?? 0);
  return {
    seconds: window,
    past,
    hz: parameters.hz && query.hz !== undefined ? parseInteger('hz', query.hz, MAX_HZ) : defaultHz,
    threads: parameters.threads ? threadsOf(query, hasOneThread ? format : undefined) : 'all',
    thresholdMillis:
      parameters.threshold && query.threshold !== undefined
        ? parseInteger('threshold', query.threshold, MAX_THRESHOLD_MILLIS, 'milliseconds, ')
        : thresholdMillis,
    // A form sends what nobody has filled in, too.
    route: (parameters.route && query.route) || undefined,
    labels:
      parameters.labels === true &&
      parseChoice('labels', query.labels ?? 'true', ['true', 'false']) === 'true',
    gc: parameters.gc === true && parseChoice('gc', query.gc ?? '0', ['0', '1']) === '1',
    debug,
    // What is to be read is text, whatever the format.
    format: debug === 0 ? format : 'text',
  };
}

const ALL_NAMES: ReadonlySet<string> = new Set(
  'seconds hz past until threads threshold route labels gc debug format categories'.split(' '),
);

const OPTIONAL = ['hz', 'threads', 'threshold', 'route', 'labels', 'gc', 'debug'] as const;

/** The names of the parameters that a kind of profile takes. @internal */
export function parameterNames(parameters: ProfileKind['parameters']): string[] {
  const past = parameters.past ? ['past', 'until'] : [];
  return ['seconds', 'format', ...past, ...OPTIONAL.filter((name) => parameters[name])];
}

/**
 * What a request has that is not looked at, for a comment: scrapers send parameters to all profiles that they mean for one.
 *
 * @throws {BadParameterError} where one is nearly that of a parameter: the answer would be to another question.
 * @internal
 */
export function commentsOfIgnored(query: Query, taken: readonly string[]): string[] {
  const ignored = Object.keys(query).filter((name) => !taken.includes(name));
  for (const name of ignored.filter((each) => !ALL_NAMES.has(each))) {
    // What is given in its right spelling, too, is answered: the other one is a scraper's or a proxy's own.
    const meant = taken.find((each) => query[each] === undefined && isNearly(name, each));
    if (meant !== undefined) {
      throw new BadParameterError(
        `no parameter "${printable(name, MAX_NAME_LENGTH)}": is "${meant}" meant? It takes ${taken.join(', ')}`,
      );
    }
  }
  // A form sends what nobody has filled in, too.
  const given = ignored.filter((name) => query[name] !== '');
  const names = given.slice(0, MAX_NAMES).map((name) => printable(name, MAX_NAME_LENGTH));
  return names.length > 0 ? [`parameters that are not looked at: ${names.join(', ')}`] : [];
}

const MAX_NAMES = 10;
const MAX_NAME_LENGTH = 40;

/** Whether it has one letter too many, too few, wrong or two that have changed places; case does not count. */
function isNearly(given: string, meant: string): boolean {
  const text = given.toLowerCase().trim();
  if (meant.length < 4 || text === meant) {
    return text === meant;
  }
  const shorter = Math.min(text.length, meant.length);
  let start = 0;
  while (start < shorter && text[start] === meant[start]) {
    start++;
  }
  let end = 0;
  while (end < shorter - start && text.at(-1 - end) === meant.at(-1 - end)) {
    end++;
  }
  const [wrong, right] = [text.slice(start, text.length - end), meant.slice(start, meant.length - end)];
  return (wrong.length <= 1 && right.length <= 1) || (right.length === 2 && wrong === right[1]! + right[0]!);
}

/** @throws {BadParameterError} rather than give what is now to who asks for what was. @internal */
export function refusePast({ past }: Query): void {
  if (past !== undefined) {
    throw new BadParameterError('"past" parameter is of profile alone: the flight recorder keeps no other');
  }
}

/** Whether it is one of V8's own. @internal */
export function isV8Format(format: ProfileFormat): boolean {
  return format === 'cpuprofile' || format === 'heapprofile';
}

/** What is asked of the flight recorder. */
function stretchOf(query: Query, recorder: RecordingOptions['recorder']): Stretch | undefined {
  const { past, until } = query;
  if (past === undefined) {
    if (until !== undefined) {
      throw new BadParameterError('"until" parameter needs "past": the seconds before it');
    }
    return undefined;
  }
  if (!recorder) {
    throw new PprofError(
      404,
      'the flight recorder is off, so nothing of the past is kept: set "flightRecorder: {}" in the options of PprofModule',
    );
  }
  const other = ['seconds', 'hz'].find((name) => query[name] !== undefined);
  if (other !== undefined) {
    throw new BadParameterError(`past and ${other} params are incompatible`);
  }
  const option = ' (option "flightRecorder.minutes" of PprofModule)';
  const most = recorder.minutes * 60;
  const seconds = parseInteger('past', past, most, 'seconds, ', option);
  const now = Date.now();
  const to = until === undefined ? now : parseUntil(until, now, most * 1000);
  return { from: to - seconds * 1000, to };
}

function threadsOf({ threads }: Query, formatOfOneThread: ProfileFormat | undefined): ThreadSelection {
  if (formatOfOneThread === undefined) {
    return parseThreads(threads ?? 'all');
  }
  const selection = parseThreads(threads ?? 'main');
  singleThread(selection, `format=${formatOfOneThread}`);
  return selection;
}

/** An integer, in no other notation of those that `Number` reads, such as 1e3; else 0. */
function integerOf(value: string): number {
  return /^\d{1,15}$/.test(value) ? Number(value) : 0;
}

/** @param unit for the message, as is what comes `behind` @internal */
export function parseInteger(name: string, value: string, max: number, unit = '', behind = ''): number {
  const integer = integerOf(value);
  if (integer < 1 || integer > max) {
    throw badValue(name, `must be ${unit}an integer from 1 to ${max}${behind}`);
  }
  return integer;
}

/** Go's wording, which clients may look for: net/http/pprof/pprof.go, handler.serveDeltaProfile. @internal */
export function parseSeconds(value: string, maxSeconds: number): number {
  return withinMaximum(integerOf(value), 'integer', maxSeconds);
}

/** @internal */
export function parseFractionalSeconds(value: string, maxSeconds: number): number {
  const isFraction = /^\d{1,15}(?:\.\d{1,15})?$/.test(value);
  return withinMaximum(isFraction ? Number(value) : 0, 'number', maxSeconds);
}

function withinMaximum(seconds: number, what: string, maxSeconds: number): number {
  if (seconds <= 0) {
    throw badValue('seconds', `must be a positive ${what}`);
  }
  if (seconds > maxSeconds) {
    throw badValue('seconds', `the maximum is ${maxSeconds} (option "maxSeconds" of PprofModule)`);
  }
  return seconds;
}

const TIME_OF_DAY = /^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,3})?)?(Z|[+-](0\d|1[0-4]):[0-5]\d)?$/;

const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-](0\d|1[0-4]):[0-5]\d)?$/;

const DAY_MILLIS = 86_400_000;

/** What is ahead of the clock here by no more is now, by the clock of who asks. */
const AHEAD_MILLIS = 60_000;

/**
 * An ISO time, or HH:MM[:SS] of the last 24 hours; UTC unless it says otherwise, as all times in profiles are.
 *
 * @param keptMillis how far back anything can be kept
 */
function parseUntil(value: string, now: number, keptMillis: number): number {
  // A log has a space between date and time. An unescaped + of a time zone is one in a query.
  const text = value.replace(/^(\d{4}-\d\d-\d\d) /, '$1T').replace(' ', '+');
  const isOfDay = TIME_OF_DAY.test(text);
  const time = isOfDay
    ? parseTime(`${new Date(now).toISOString().slice(0, 'yyyy-mm-ddT'.length)}${text}`)
    : ISO_TIME.test(text)
      ? parseTime(text)
      : Number.NaN;
  if (Number.isNaN(time)) {
    throw badValue(
      'until',
      'must be an ISO time (2026-01-31T03:15:00Z) or a time of the day (03:15:00), UTC unless it names a zone (04:15:00+01:00)',
    );
  }
  // Where the zone has another date than UTC it may be of tomorrow, or of the day before.
  const days = isOfDay ? Math.ceil((time - now - AHEAD_MILLIS) / DAY_MILLIS) : 0;
  const last = time - days * DAY_MILLIS;
  const ahead = last + DAY_MILLIS - now;
  // Rather a local time, or one that is still to come, than that of yesterday, of which nothing can be kept.
  if (days > 0 && now - last > keptMillis && ahead < DAY_MILLIS / 2) {
    throw badValue(
      'until',
      `${text} is ahead of the clock here, which says ${new Date(now).toISOString().slice('yyyy-mm-ddT'.length, 'yyyy-mm-ddThh:mm:ss'.length)} UTC; a time is UTC unless it names a zone (04:15:00+01:00)`,
    );
  }
  return last > now && last <= now + AHEAD_MILLIS ? now : last;
}

/** @returns NaN for a day that there is not: `Date.parse` takes the 30th of February for the 2nd of March. */
function parseTime(text: string): number {
  const minutes = 'yyyy-mm-ddThh:mm'.length;
  const local = new Date(`${text.slice(0, minutes)}Z`);
  const isThere = !Number.isNaN(local.getTime()) && local.toISOString().startsWith(text.slice(0, minutes));
  return isThere ? Date.parse(/(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`) : Number.NaN;
}

/** @internal */
export function parseChoice<T extends string>(name: string, value: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) {
    throw badValue(name, `must be one of ${choices.join(', ')}`);
  }
  return choice;
}

/** @internal */
export function parseThreads(value: string): ThreadSelection {
  if (value === 'all') {
    return value;
  }
  if (value === 'main') {
    return [MAIN_THREAD.id];
  }
  if (!/^\d{1,9}(,\d{1,9})*$/.test(value)) {
    throw badValue('threads', 'must be all, main, or thread ids separated by commas (0 is main)');
  }
  return value.split(',').map(Number);
}

/** The id of the only thread that is asked for. @param what can only be of one, for the message @internal */
export function singleThread(selection: ThreadSelection, what: string): number {
  const [id, another] = selection === 'all' ? [] : selection;
  if (id === undefined || another !== undefined) {
    throw badValue('threads', `must be main or one thread id, as ${what} is of exactly one thread`);
  }
  return id;
}

/** A parameter of the request is not one that can be answered. @internal */
export class BadParameterError extends PprofError {
  constructor(message: string) {
    super(400, message);
  }
}

/** @internal */
export function badValue(name: string, problem: string): BadParameterError {
  return new BadParameterError(`invalid value for "${name}" - ${problem}`);
}
