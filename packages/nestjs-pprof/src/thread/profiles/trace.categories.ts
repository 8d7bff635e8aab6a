import { BadParameterError } from './profile.errors.js';

/**
 * What may be traced, and what it shows. Not `node` and `node.async_hooks`: they switch async hooks on, in JavaScript that
 * would run in the main thread by interrupt, and slow every promise down. Not `disabled-by-default-v8.cpu_profiler`: it
 * starts a CPU profiler in every thread of the process, also in those that are just starting or ending.
 * https://nodejs.org/api/tracing.html
 */
const CATEGORIES = {
  v8: 'garbage collection, compilation, deoptimization',
  'disabled-by-default-v8.gc': 'the phases of a garbage collection',
  'disabled-by-default-v8.compile': 'the phases of a compilation',
  'node.environment': 'timers, immediates and the start and end of threads',
  'node.http': 'each request that is served or made',
  'node.fs.sync': 'each synchronous call of node:fs, which keeps the event loop from turning',
  'node.fs.async': 'each asynchronous call of node:fs',
  'node.fs_dir.sync': 'each synchronous reading of a directory',
  'node.fs_dir.async': 'each asynchronous reading of a directory',
  'node.dns.native': 'each DNS query',
  'node.net.native': 'each connection that is made',
  'node.threadpoolwork.async':
    'work for the libuv pool (crypto, zlib, native addons), from queueing to result',
  'node.threadpoolwork.sync': 'the same, while a thread of the pool is at it',
  'node.perf': 'marks and measures of node:perf_hooks (performance.mark) and timerify',
  'node.console': 'console.time and console.count',
  'node.promises.rejections': 'the number of unhandled rejections',
  'node.vm.script': 'each use of node:vm',
  'node.module_timer': 'each module that is loaded',
} as const satisfies Readonly<Record<string, string>>;

type TraceCategory = keyof typeof CATEGORIES;

/** What explains a stall, at a few events for each request. */
const DEFAULT: readonly TraceCategory[] = [
  'v8',
  'node.environment',
  'node.http',
  'node.fs.sync',
  'node.fs_dir.sync',
  'node.dns.native',
  'node.net.native',
  'node.perf',
  'node.promises.rejections',
  'node.vm.script',
];

/** @throws {BadParameterError} naming those that may be asked for. @internal */
export function parseTraceCategories(value: string | undefined): readonly string[] {
  if (value === undefined) {
    return DEFAULT;
  }
  const categories = [...new Set(value.split(','))];
  if (!categories.every((category) => Object.hasOwn(CATEGORIES, category))) {
    throw new BadParameterError(
      `invalid value for "categories" - must be one or more, separated by commas, of ${Object.keys(CATEGORIES).join(', ')}`,
    );
  }
  return categories;
}
