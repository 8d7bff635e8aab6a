import type { PprofModuleOptions } from '../pprof.options.js';
import { definedOf, isInteger, isObject, unknownKeys, wrong } from './option.checks.js';

/** How live objects are sampled; false for not at all. @internal */
export interface HeapOptions {
  readonly heap: { readonly samplingInterval: number; readonly stackDepth: number } | false;
}

const DEFAULTS = { samplingInterval: 512 * 1024, stackDepth: 64 };

/** @internal */
export const HEAP_OPTIONS = ['heap'];

/** @internal */
export function resolveHeap({ heap: given = {} }: PprofModuleOptions, problems: string[]): HeapOptions {
  if (given === false) {
    return { heap: false };
  }
  const heap = { ...DEFAULTS, ...definedOf(given) };
  if (!isObject(given)) {
    problems.push(wrong('heap', given, 'an object with samplingInterval and stackDepth, or false'));
    return { heap };
  }
  problems.push(...unknownKeys('heap.', given, Object.keys(DEFAULTS)));
  if (!isInteger(heap.samplingInterval, 1024, 2 ** 30)) {
    problems.push(
      wrong('heap.samplingInterval', heap.samplingInterval, 'bytes, an integer from 1024 to 1073741824'),
    );
  }
  if (!isInteger(heap.stackDepth, 1, 128)) {
    problems.push(wrong('heap.stackDepth', heap.stackDepth, 'frames, an integer from 1 to 128'));
  }
  return { heap };
}
