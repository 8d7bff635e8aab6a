import { ACCESS_OPTIONS, resolveAccess } from './options/access.options.js';
import { BLOCK_OPTIONS, resolveBlock } from './options/block.options.js';
import { HEAP_OPTIONS, resolveHeap } from './options/heap.options.js';
import { LIMIT_OPTIONS, resolveLimits } from './options/limit.options.js';
import { LISTEN_OPTIONS, resolveListen } from './options/listen.options.js';
import { unknownKeys } from './options/option.checks.js';
import { OUT_OF_MEMORY_OPTIONS, resolveOutOfMemory } from './options/out-of-memory.options.js';
import { resolveServed, SERVED_OPTIONS } from './options/served.options.js';
import { resolveSwitch, SWITCH_OPTIONS } from './options/switch.options.js';
import { PprofOptionsError } from './pprof.errors.js';
import type { PprofModuleOptions } from './pprof.options.js';
import type { ResolvedPprofOptions } from './shared/resolved.options.js';

const KNOWN_OPTIONS = [
  ...SWITCH_OPTIONS,
  ...LISTEN_OPTIONS,
  ...ACCESS_OPTIONS,
  ...SERVED_OPTIONS,
  ...HEAP_OPTIONS,
  ...BLOCK_OPTIONS,
  ...OUT_OF_MEMORY_OPTIONS,
  ...LIMIT_OPTIONS,
];

/**
 * Checks the options and fills in the defaults. Each group of options has its file in `options/`, which names its
 * options, checks them and adds what is wrong to the problems.
 *
 * @throws {PprofOptionsError} naming each option that is wrong, what it got and what it takes.
 * @internal
 */
export function resolveOptions(options: PprofModuleOptions = {}): ResolvedPprofOptions {
  const problems = unknownKeys('', options, KNOWN_OPTIONS);
  const resolved = {
    ...resolveSwitch(options, problems),
    ...resolveListen(options, problems),
    ...resolveAccess(options, problems),
    ...resolveServed(options, problems),
    ...resolveHeap(options, problems),
    ...resolveBlock(options, problems),
    ...resolveOutOfMemory(options, problems),
    ...resolveLimits(options, problems),
  };
  if (problems.length > 0) {
    throw new PprofOptionsError(problems);
  }
  return resolved;
}
