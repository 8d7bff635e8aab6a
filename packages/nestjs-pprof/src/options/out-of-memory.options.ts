import { resolve } from 'node:path';
import type { PprofModuleOptions } from '../pprof.options.js';
import { definedOf, isInteger, isObject, unknownKeys, wrong } from './option.checks.js';

/** What is left behind when memory runs out; undefined for nothing. @internal */
export interface OutOfMemoryOptions {
  readonly outOfMemory:
    { readonly directory: string; readonly maxFiles: number; readonly maxBytes: number } | undefined;
}

const DEFAULTS = { directory: '', maxFiles: 5, maxBytes: 64 * 1024 * 1024 };

/** @internal */
export const OUT_OF_MEMORY_OPTIONS = ['outOfMemory'];

/** @internal */
export function resolveOutOfMemory(
  { outOfMemory: given = false, heap }: PprofModuleOptions,
  problems: string[],
): OutOfMemoryOptions {
  if (given === false) {
    return { outOfMemory: undefined };
  }
  if (!isObject(given)) {
    problems.push(wrong('outOfMemory', given, 'an object with directory, maxFiles and maxBytes, or false'));
    return { outOfMemory: undefined };
  }
  const { directory, maxFiles, maxBytes } = { ...DEFAULTS, ...definedOf(given) };
  problems.push(...unknownKeys('outOfMemory.', given, Object.keys(DEFAULTS)));
  if (typeof directory !== 'string' || directory === '') {
    problems.push(wrong('outOfMemory.directory', directory, 'the path of a directory'));
  }
  if (!isInteger(maxFiles, 1, 100)) {
    problems.push(wrong('outOfMemory.maxFiles', maxFiles, 'an integer from 1 to 100'));
  }
  if (!isInteger(maxBytes, 65_536, Number.MAX_SAFE_INTEGER)) {
    problems.push(wrong('outOfMemory.maxBytes', maxBytes, 'bytes, an integer of at least 65536'));
  }
  if (heap === false) {
    problems.push('option "outOfMemory" needs the heap to be sampled: remove "heap: false"');
  }
  // Where it is, whatever the application's working directory becomes.
  return { outOfMemory: { directory: resolve(String(directory)), maxFiles, maxBytes } };
}
