import type { PprofModuleOptions } from '../pprof.options.js';
import { definedOf, isInteger, isObject, unknownKeys, wrong } from './option.checks.js';

/** What blocks an event loop. @internal */
export interface BlockOptions {
  readonly block: { readonly watch: boolean; readonly threshold: number };
}

const DEFAULTS = { watch: false, threshold: 20 };

/** @internal */
export const BLOCK_OPTIONS = ['block'];

/** @internal */
export function resolveBlock({ block: given = {} }: PprofModuleOptions, problems: string[]): BlockOptions {
  const block = { ...DEFAULTS, ...definedOf(given) };
  if (!isObject(given)) {
    problems.push(wrong('block', given, 'an object with watch and threshold'));
    return { block };
  }
  problems.push(...unknownKeys('block.', given, Object.keys(DEFAULTS)));
  if (typeof block.watch !== 'boolean') {
    problems.push(wrong('block.watch', block.watch, 'true or false'));
  }
  if (!isInteger(block.threshold, 1, 60_000)) {
    problems.push(wrong('block.threshold', block.threshold, 'milliseconds, an integer from 1 to 60000'));
  }
  return { block };
}
