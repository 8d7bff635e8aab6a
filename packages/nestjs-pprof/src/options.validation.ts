import { isLoopback } from './loopback.js';
import { PprofOptionsError } from './pprof.errors.js';
import type { PprofModuleOptions } from './pprof.options.js';

/** The options with every default filled in. @internal */
export interface ResolvedPprofOptions {
  readonly enabled: boolean;
  readonly host: string;
  readonly port: number;
  readonly heap: { readonly samplingInterval: number; readonly stackDepth: number } | false;
  readonly block: { readonly watch: boolean; readonly threshold: number };
  readonly maxSeconds: number;
}

const DEFAULT_HEAP = { samplingInterval: 512 * 1024, stackDepth: 64 };

const DEFAULT_BLOCK = { watch: false, threshold: 20 };

const KNOWN_OPTIONS = ['enabled', 'host', 'port', 'heap', 'block', 'maxSeconds'];
const KNOWN_HEAP_OPTIONS = ['samplingInterval', 'stackDepth'];
const KNOWN_BLOCK_OPTIONS = ['watch', 'threshold'];

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {PprofOptionsError} naming each option that is wrong, what it got and what it takes.
 * @internal
 */
export function resolveOptions(options: PprofModuleOptions = {}): ResolvedPprofOptions {
  const problems = [...unknownKeys('', options, KNOWN_OPTIONS)];
  const {
    enabled = true,
    host = '127.0.0.1',
    port = 6060,
    heap = {},
    block = {},
    maxSeconds = 300,
  } = options;

  if (typeof enabled !== 'boolean') {
    problems.push(wrong('enabled', enabled, 'true or false', `"${String(enabled)}" === "true"`));
  }
  if (typeof host !== 'string' || !isLoopback(host) || host.startsWith('[')) {
    problems.push(
      wrong('host', host, "a loopback address: 'localhost', '127.0.0.1' or '::1'") +
        `. To reach the profiler from another machine, forward the port: ssh -L 6060:localhost:${Number(port) || 6060} user@this-host`,
    );
  }
  if (!isInteger(port, 0, 65_535)) {
    problems.push(
      wrong('port', port, 'an integer from 0 (any free port) to 65535', `Number(${inspect(port)})`),
    );
  }
  if (!isInteger(maxSeconds, 1, 3600)) {
    problems.push(wrong('maxSeconds', maxSeconds, 'an integer from 1 to 3600'));
  }

  const heapOptions = heap === false ? false : { ...DEFAULT_HEAP, ...definedOf(heap) };
  if (heapOptions) {
    problems.push(...heapProblems(heap, heapOptions));
  }
  const blockOptions = { ...DEFAULT_BLOCK, ...definedOf(block) };
  problems.push(...blockProblems(block, blockOptions));

  if (problems.length > 0) {
    throw new PprofOptionsError(problems);
  }
  return { enabled, host, port, heap: heapOptions, block: blockOptions, maxSeconds };
}

function heapProblems(given: unknown, { samplingInterval, stackDepth }: typeof DEFAULT_HEAP): string[] {
  if (!isObject(given)) {
    return [wrong('heap', given, 'an object with samplingInterval and stackDepth, or false')];
  }
  const problems = unknownKeys('heap.', given, KNOWN_HEAP_OPTIONS);
  if (!isInteger(samplingInterval, 1024, 2 ** 30)) {
    problems.push(
      wrong('heap.samplingInterval', samplingInterval, 'bytes, an integer from 1024 to 1073741824'),
    );
  }
  if (!isInteger(stackDepth, 1, 128)) {
    problems.push(wrong('heap.stackDepth', stackDepth, 'frames, an integer from 1 to 128'));
  }
  return problems;
}

function blockProblems(given: unknown, { watch, threshold }: typeof DEFAULT_BLOCK): string[] {
  if (!isObject(given)) {
    return [wrong('block', given, 'an object with watch and threshold')];
  }
  const problems = unknownKeys('block.', given, KNOWN_BLOCK_OPTIONS);
  if (typeof watch !== 'boolean') {
    problems.push(wrong('block.watch', watch, 'true or false'));
  }
  if (!isInteger(threshold, 1, 60_000)) {
    problems.push(wrong('block.threshold', threshold, 'milliseconds, an integer from 1 to 60000'));
  }
  return problems;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isInteger(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

function wrong(option: string, got: unknown, takes: string, conversion?: string): string {
  // Environment variables are strings; a hint at the conversion saves the look at the documentation.
  const hint =
    typeof got === 'string' && conversion ? ` (a string from the environment? use ${conversion})` : '';
  return `option "${option}" is ${inspect(got)}, it takes ${takes}${hint}`;
}

function inspect(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function unknownKeys(prefix: string, options: object, known: readonly string[]): string[] {
  return Object.keys(options)
    .filter((key) => !known.includes(key))
    .map((key) => `unknown option "${prefix}${key}", known are ${known.join(', ')}`);
}

/** `undefined` means "not given", as it does for the other options. */
function definedOf(options: unknown): object {
  return isObject(options)
    ? Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
    : {};
}
