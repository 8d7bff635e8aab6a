import type { AgentFailure } from './agent.protocol.js';

/** @internal */
export abstract class AgentError extends Error {
  abstract readonly kind: AgentFailure;
}

/** The native addon cannot be loaded in this process. @internal */
export class AddonUnavailableError extends AgentError {
  override readonly name = 'AddonUnavailableError';
  readonly kind = 'addon-unavailable';

  constructor(cause: unknown) {
    super(
      isForbidden(cause)
        ? 'the native addon @datadog/pprof may not be loaded: Node runs under --permission without --allow-addons, or with --no-addons'
        : `the native addon @datadog/pprof cannot be loaded on ${process.platform}-${process.arch}, Node ${process.version}: ` +
            `${firstLine(cause)}. Reinstall the dependencies on this platform, or upgrade @datadog/pprof`,
      { cause },
    );
  }
}

/** Somebody else in the process has started the profiler that a thread has only one of. @internal */
export class SamplerHeldError extends AgentError {
  override readonly name = 'SamplerHeldError';
  readonly kind = 'sampler-held';

  /** @param others names of those that it may be, as far as they are known */
  constructor(sampler: 'CPU' | 'heap', others: readonly string[], cause?: unknown) {
    super(
      `the ${sampler} sampler is held by another profiler in this process: ${nameOthers(others)}. Only one of them can profile ` +
        'at a time: switch the profiler of the other off',
      { cause },
    );
  }
}

/** Another profiler may have come to rely on the sampler that this one has started. @internal */
export class SamplerSharedError extends AgentError {
  override readonly name = 'SamplerSharedError';
  readonly kind = 'sampler-held';

  /** @param others names of those that it may be, as far as they are known */
  constructor(others: readonly string[]) {
    super(
      `another profiler in this process may be using the same heap sampler: ${nameOthers(others)}. To count all allocations ` +
        'would spoil its heap profiles. Ask without "seconds" for what is in use, or start the process without the other',
    );
  }
}

/** Live objects are not sampled while all allocations are counted. @internal */
export class AllocationsCountedError extends AgentError {
  override readonly name = 'AllocationsCountedError';
  readonly kind = 'sampler-held';

  constructor() {
    super('a capture of all allocations (allocs?seconds=) has the heap sampler. Ask again when it has ended');
  }
}

function nameOthers(others: readonly string[]): string {
  return (
    others.join(', ') ||
    'an APM agent such as dd-trace or @pyroscope/nodejs with its profiler switched on, or DevTools'
  );
}

/** Heap sampling is switched off by the options. @internal */
export class HeapSamplingOffError extends AgentError {
  override readonly name = 'HeapSamplingOffError';
  readonly kind = 'heap-off';

  constructor() {
    super(
      'heap sampling is off in this process. Remove "heap: false" from the options of PprofModule to have it',
    );
  }
}

function isForbidden(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === 'ERR_DLOPEN_DISABLED';
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!;
}
