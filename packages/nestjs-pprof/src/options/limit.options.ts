import type { PprofModuleOptions } from '../pprof.options.js';
import { isInteger, wrong } from './option.checks.js';

/** How much requests may ask for. @internal */
export interface LimitOptions {
  readonly maxSeconds: number;
  readonly maxCaptures: number;
}

/** @internal */
export const LIMIT_OPTIONS = ['maxSeconds', 'maxCaptures'];

/** @internal */
export function resolveLimits(
  { maxSeconds = 300, maxCaptures = 16 }: PprofModuleOptions,
  problems: string[],
): LimitOptions {
  if (!isInteger(maxSeconds, 1, 3600)) {
    problems.push(wrong('maxSeconds', maxSeconds, 'an integer from 1 to 3600'));
  }
  if (!isInteger(maxCaptures, 1, 256)) {
    problems.push(wrong('maxCaptures', maxCaptures, 'an integer from 1 to 256'));
  }
  return { maxSeconds, maxCaptures };
}
