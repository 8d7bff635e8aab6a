import { MAIN_THREAD, type ThreadSelection } from '../capture/thread.selection.js';
import { PprofError } from '../../shared/pprof.error.js';

/** The parameters of a query, where the first value of a repeated one counts. @internal */
export type Query = Readonly<Record<string, string>>;

/** Go's wording, which clients may look for: net/http/pprof/pprof.go, handler.serveDeltaProfile. @internal */
export function parseSeconds(value: string, maxSeconds: number): number {
  const seconds = /^\d{1,15}$/.test(value) ? Number(value) : 0;
  if (seconds < 1) {
    throw new BadParameterError('invalid value for "seconds" - must be a positive integer');
  }
  return withinMaximum(seconds, maxSeconds);
}

/** Not what else `Number` reads, such as 1e3. */
const FRACTION = /^\d{1,15}(?:\.\d{1,15})?$/;

/** @internal */
export function parseFractionalSeconds(value: string, maxSeconds: number): number {
  const seconds = FRACTION.test(value) ? Number(value) : 0;
  if (seconds <= 0) {
    throw new BadParameterError('invalid value for "seconds" - must be a positive number');
  }
  return withinMaximum(seconds, maxSeconds);
}

function withinMaximum(seconds: number, maxSeconds: number): number {
  if (seconds > maxSeconds) {
    throw new BadParameterError(
      `invalid value for "seconds" - the maximum is ${maxSeconds} (option "maxSeconds" of PprofModule)`,
    );
  }
  return seconds;
}

/**
 * The stretch of the past that is asked for, in milliseconds since the epoch.
 *
 * @param until an ISO time, or HH:MM[:SS] of the last 24 hours; UTC unless it says otherwise, as all times in profiles are
 * @internal
 */
export function parsePast(
  past: string,
  until: string | undefined,
  minutes: number,
  now = Date.now(),
): Stretch {
  const seconds = /^\d{1,15}$/.test(past) ? Number(past) : 0;
  if (seconds < 1 || seconds > minutes * 60) {
    throw new BadParameterError(
      `invalid value for "past" - must be seconds, an integer from 1 to ${minutes * 60} (option "flightRecorder.minutes" of PprofModule)`,
    );
  }
  const to = until === undefined ? now : parseUntil(until, now);
  return { from: to - seconds * 1000, to };
}

/** @internal */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

const TIME_OF_DAY = /^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,3})?)?Z?$/;

const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?$/;

const DAY_MILLIS = 86_400_000;

function parseUntil(value: string, now: number): number {
  // An unescaped + of a time zone is a space in a query.
  const text = value.replace(' ', '+');
  if (TIME_OF_DAY.test(text)) {
    const [date] = new Date(now).toISOString().split('T');
    const today = Date.parse(`${date}T${text.replace('Z', '')}Z`);
    return today > now ? today - DAY_MILLIS : today;
  }
  const time = ISO_TIME.test(text)
    ? Date.parse(/Z|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`)
    : Number.NaN;
  if (Number.isNaN(time)) {
    throw new BadParameterError(
      'invalid value for "until" - must be an ISO time (2026-01-31T03:15:00Z) or a time of the day (03:15:00), UTC unless it names a zone',
    );
  }
  return time;
}

const MIN_HZ = 1;
const MAX_HZ = 1000;

/** @internal */
export function parseHz(value: string): number {
  const hz = /^\d{1,6}$/.test(value) ? Number(value) : 0;
  if (hz < MIN_HZ || hz > MAX_HZ) {
    throw new BadParameterError(`invalid value for "hz" - must be an integer from ${MIN_HZ} to ${MAX_HZ}`);
  }
  return hz;
}

const MAX_THRESHOLD_MILLIS = 60_000;

/** @internal */
export function parseThreshold(value: string): number {
  const millis = /^\d{1,6}$/.test(value) ? Number(value) : 0;
  if (millis < 1 || millis > MAX_THRESHOLD_MILLIS) {
    throw new BadParameterError(
      `invalid value for "threshold" - must be milliseconds, an integer from 1 to ${MAX_THRESHOLD_MILLIS}`,
    );
  }
  return millis;
}

/** @internal */
export function parseChoice<T extends string>(name: string, value: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) {
    throw new BadParameterError(`invalid value for "${name}" - must be one of ${choices.join(', ')}`);
  }
  return choice;
}

/** @internal */
export function parseThreads(value: string): ThreadSelection {
  if (value === 'all' || value === 'main') {
    return value;
  }
  if (!/^\d{1,9}(,\d{1,9})*$/.test(value)) {
    throw new BadParameterError(
      'invalid value for "threads" - must be all, main, or thread ids separated by commas (0 is main)',
    );
  }
  return value.split(',').map(Number);
}

/**
 * The id of the thread that is asked for, where there can be only one.
 *
 * @param what can only be of one thread, for the message
 * @internal
 */
export function singleThread(selection: ThreadSelection, what: string): number {
  const [id, another] = selection === 'main' ? [MAIN_THREAD.id] : selection === 'all' ? [] : selection;
  if (id === undefined || another !== undefined) {
    throw new BadParameterError(
      `invalid value for "threads" - must be main or one thread id, as ${what} is of exactly one thread`,
    );
  }
  return id;
}

/** What is asked for is off unless the options say otherwise. @internal */
export class NotEnabledError extends PprofError {
  constructor(message: string) {
    super(404, message);
  }
}

/** A parameter of the request is not one that can be answered. @internal */
export class BadParameterError extends PprofError {
  constructor(message: string) {
    super(400, message);
  }
}

/** A difference was asked for, and what was counted has started anew between the two moments. @internal */
export class NotComparableError extends PprofError {
  /** @param reasons by thread */
  constructor(reasons: readonly string[]) {
    super(409, `there is no difference to report, ask again: ${reasons.join('; ')}`);
  }
}
