import type { AgentFailure } from './agent.protocol.js';
import { messageOf, PprofError } from './pprof.error.js';

/** The native addon cannot be loaded in this process. @internal */
export class AddonUnavailableError extends PprofError {
  constructor(cause: unknown) {
    super(
      503,
      forbiddenBy(cause) ??
        `the native addon @datadog/pprof cannot be loaded on ${process.platform}-${process.arch}, Node ${process.version}: ` +
          `${firstLine(cause)}. Reinstall the dependencies on this platform, or upgrade @datadog/pprof`,
      { cause },
    );
  }
}

/** V8's inspector, which reaches worker threads and stuck event loops, cannot be used in this process. @internal */
export class InspectorUnavailableError extends PprofError {
  constructor() {
    super(
      503,
      "V8's inspector cannot be used in this process: Node was built without it, or runs under --permission without " +
        '--allow-inspector (which Node has from version 24 on)',
    );
  }
}

/** Somebody else in the process has started the profiler that a thread has only one of. @internal */
export class SamplerHeldError extends PprofError {
  /** @param others names of those that it may be, as far as they are known: that they are loaded does not prove that they sample */
  constructor(sampler: 'CPU' | 'heap', others: readonly string[], cause?: unknown) {
    super(
      409,
      `the ${sampler} sampler is held by another profiler in this process: ${others.length > 0 ? 'perhaps ' : ''}${nameOthers(others)}. Only one of them can profile ` +
        'at a time: switch the profiler of the other off',
      { cause },
    );
  }
}

/** Another profiler may have come to rely on the sampler that this one has started. @internal */
export class SamplerSharedError extends PprofError {
  /** @param others names of those that it may be, as far as they are known */
  constructor(others: readonly string[]) {
    super(
      409,
      `another profiler in this process may be using the same heap sampler: ${nameOthers(others)}. To count all allocations ` +
        'would spoil its heap profiles. Ask without "seconds" for what is in use, or start the process without the other',
    );
  }
}

function nameOthers(others: readonly string[]): string {
  return (
    others.join(', ') ||
    'it is not known which (DevTools, for instance, or code that uses node:inspector or @datadog/pprof by itself)'
  );
}

/** Heap sampling is switched off by the options. @internal */
export class HeapSamplingOffError extends PprofError {
  constructor() {
    super(
      404,
      'heap sampling is off in this process. Remove "heap: false" from the options of PprofModule to have it',
    );
  }
}

/** What the agent has never done between two turns of the event loop is not done by interrupt. @internal */
export class NotByInterruptError extends PprofError {
  constructor() {
    super(
      504,
      'the main thread can only be interrupted for what has been done before, between two turns of its event loop. ' +
        'Ask again when the loop turns',
    );
  }
}

/** What Node's permission model forbids, and the flag that allows it. */
function forbiddenBy(error: unknown): string | undefined {
  const { code, resource } = (error ?? {}) as NodeJS.ErrnoException & { resource?: string };
  if (code === 'ERR_ACCESS_DENIED') {
    return `the native addon @datadog/pprof may not be loaded: Node runs under --permission without --allow-fs-read=${resource ?? 'PATH'}, which it looks at`;
  }
  return code === 'ERR_DLOPEN_DISABLED'
    ? 'the native addon @datadog/pprof may not be loaded: Node runs under --permission without --allow-addons, or with --no-addons'
    : undefined;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!;
}

/** What is told of an error that was met on the main thread. @internal */
export function failureOf(error: unknown): AgentFailure {
  return error instanceof PprofError
    ? { status: error.status, message: error.message }
    : {
        status: 500,
        // Nobody is left to say what went wrong: the words of V8, of Node or of the addon.
        message: `the profiler of the main thread has failed: ${messageOf(error)}. Ask again; if it fails again, please report it`,
      };
}
