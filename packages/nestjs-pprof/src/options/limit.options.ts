import type { PprofModuleOptions } from '../pprof.options.js';
import { isInteger, wrong } from './option.checks.js';

/** How much a request may ask for. @internal */
export interface LimitOptions {
  readonly maxSeconds: number;
}

/** @internal */
export const LIMIT_OPTIONS = ['maxSeconds'];

/** @internal */
export function resolveLimits({ maxSeconds = 300 }: PprofModuleOptions, problems: string[]): LimitOptions {
  if (!isInteger(maxSeconds, 1, 3600)) {
    problems.push(wrong('maxSeconds', maxSeconds, 'an integer from 1 to 3600'));
  }
  return { maxSeconds };
}
