import type { AgentFailure } from '../../shared/agent.protocol.js';
import { messageOf, PprofError } from '../../shared/pprof.error.js';

/** A shorter wait for a processor is everyday. */
const WORTH_A_WORD_MILLIS = 500;

/** What needs no event loop that turns. */
const NOW = 'Ask for profile or goroutine to see what the thread is doing';

/** The main thread has not taken a request: its event loop does not turn, or has no processor to turn on. @internal */
export class ThreadStuckError extends PprofError {
  /**
   * @param silence while it was waited for
   * @param sinceTurnMillis for how long at least it has not turned, where it had not before that
   */
  constructor(
    thread: string,
    readonly silence: Silence,
    sinceTurnMillis = silence.millis,
  ) {
    super(
      504,
      `the event loop of ${thread} has not turned for ${inSeconds(sinceTurnMillis)}` +
        // It may be in JavaScript, which does not let the loop turn either.
        (silence.cause === 'busy'
          ? `: it runs something else all the time. ${NOW}`
          : describeCause(silence, sinceTurnMillis)),
    );
  }

  /** Whether the thread has had a processor to turn its loop on, as far as is known. */
  get isStuck(): boolean {
    return this.silence.cause !== 'starved';
  }
}

/** The agent on the main thread took a request and could not do it. @internal */
export class AgentFailureError extends PprofError {
  constructor({ status, message }: AgentFailure) {
    super(status, message);
  }
}

/** There can be only one recording of this kind at a time. @internal */
export class RecordingHeldError extends PprofError {
  constructor(recording: string) {
    super(
      429,
      `a ${recording} is being taken, and the process can take only one at a time. Ask again when it has ended`,
      { headers: { 'Retry-After': '5' } },
    );
  }
}

/** Garbage was to be collected, and the thread did not come to it. @internal */
export class GarbageNotCollectedError extends PprofError {
  constructor(thread: string) {
    super(
      504,
      `no garbage could be collected in thread ${thread}, as its event loop did not turn within 2 s, and V8 does it only there. ` +
        'Ask without "gc"',
    );
  }
}

/** V8 did not take a heap snapshot, or stopped in the middle. @internal */
export class SnapshotStalledError extends PprofError {
  constructor(thread: string, waitedMillis: number, hasBegun: boolean) {
    super(
      504,
      hasBegun
        ? `the heap snapshot of thread ${thread} has stopped in the middle: no more of it has come for ${inSeconds(waitedMillis)}. Ask again`
        : `thread ${thread} did not come to taking a heap snapshot within ${inSeconds(waitedMillis)}: V8 takes one only between two ` +
            'turns of the event loop. Ask for profile or goroutine to see what the thread is doing',
    );
  }
}

/** A trace cannot begin, or end, as the event loop does not turn. @internal */
export class TraceStalledError extends PprofError {
  /** @param cause why it has not begun; without, it has begun and does not end */
  constructor(cause?: ThreadStuckError) {
    super(
      504,
      cause
        ? `no trace could be begun: ${cause.message}. Node begins one only between two turns without disturbing the application. ${NOW}`
        : `the trace could not be ended, as the event loop of the main thread does not turn: that is done when it does. ${NOW}`,
      cause && { cause },
    );
  }
}

/** A heap snapshot could not be written to disk, from where it is served. @internal */
export class SnapshotFileError extends PprofError {
  constructor(directory: string, cause: unknown) {
    super(
      503,
      `the heap snapshot cannot be written to ${directory}: ${messageOf(cause)}. It needs a directory to write to, with ` +
        'about twice the size of the heap free: set TMPDIR to one when you start the application',
      { cause },
    );
  }
}

/** A thread did not answer by interrupt. @internal */
export class ThreadUnreachableError extends PprofError {
  constructor(thread: string, silence: Silence) {
    super(504, `thread ${thread} has not answered for ${inSeconds(silence.millis)}${describeCause(silence)}`);
  }
}

/** A thread ended while it was asked. @internal */
export class ThreadEndedError extends PprofError {
  constructor(thread: string) {
    super(504, `thread ${thread} has ended`);
  }
}

/** None of the threads that were asked for could be profiled, or there is none. @internal */
export class NoThreadError extends PprofError {
  constructor(skipped: readonly string[]) {
    if (skipped.length === 0) {
      super(404, 'there is no thread with this id, or no longer: goroutine?debug=2 lists those there are');
    } else {
      super(504, `no thread could be profiled: ${skipped.join('; ')}`);
    }
  }
}

/** The connection was closed while an answer was awaited: nobody waits for it any more, or the profiler is stopped. @internal */
export class ConnectionClosedError extends PprofError {
  constructor() {
    super(503, 'the profiler is being stopped');
  }
}

/** The main thread got stuck during a capture, and what was sampled until then cannot be read. @internal */
export class CaptureStuckError extends ThreadStuckError {
  constructor() {
    super('the main thread', silenceOf(0));
  }
}

/** The application's workers are left alone, as some of them end too soon after they have started. @internal */
export class ShortLivedWorkersError extends PprofError {
  constructor() {
    super(
      504,
      'left out, as the application has lately had a worker thread that lived for less than a second: Node can crash when ' +
        'its inspector attaches to a thread that is just ending. Ask again when there was none for 30 s',
    );
  }
}

/** Nobody samples the heap of a thread: what had been started was stopped by somebody else. @internal */
export class HeapNotSampledError extends PprofError {
  constructor(thread: string) {
    super(
      409,
      `the heap of thread ${thread} is not being sampled: something else in this process (DevTools, another profiler) has ` +
        'stopped it. Ask for heap, without "format", while its event loop turns: that starts it anew',
    );
  }
}

/**
 * V8's words where its time limit (`vm.runInContext(…, { timeout })`), meant for the application's JavaScript, has struck in
 * ours: the application's would then run on for ever.
 * https://github.com/nodejs/node/blob/main/deps/v8/src/inspector/injected-script.cc (`wrapEvaluateResult`)
 *
 * @internal
 */
export const TERMINATED = /terminated/i;

/** The error for what V8's inspector answers to a command that it does not carry out. @internal */
export function inspectorError(thread: string, method: string, message: string): PprofError {
  if (TERMINATED.test(message)) {
    return new PprofError(
      504,
      `what thread ${thread} runs was terminated, by a time limit of node:vm for example, just as it was asked for ${method}. Ask again`,
    );
  }
  // V8's own words; there is no code for it. https://github.com/nodejs/node/blob/main/deps/v8/src/inspector/v8-heap-profiler-agent-impl.cc
  return message.includes('heap profiler was not started')
    ? new HeapNotSampledError(thread)
    : new PprofError(
        409,
        `V8's inspector has refused ${method} in thread ${thread}: ${message}. Something else that inspects the process may be in ` +
          'the way (DevTools, a debugger, another profiler): ask again when it has ended',
      );
}

function inSeconds(millis: number): string {
  return `${(millis / 1000).toFixed(1)} s`;
}

/** What the kernel has shown of a thread that could not be interrupted, and what to do; no more than that. */
function describeCause(
  { millis, cause, withoutProcessorMillis, isOfAnyThread, throttled }: Silence,
  sinceTurnMillis = millis,
): string {
  const without = `no processor for ${isOfAnyThread ? 'up to ' : ''}${inSeconds(withoutProcessorMillis)}${
    throttled ? ', and the CPU limit of its container or service was reached' : ''
  }`;
  switch (cause) {
    case 'waiting':
      return (
        ': it waits in a synchronous native call (such as execFileSync, or a *Sync function of node:fs), which nothing can ' +
        'interrupt. Ask again when it has returned'
      );
    case 'busy':
      return (
        ': it is busy in a synchronous native call (such as pbkdf2Sync, or JSON.parse of a large text) or in the garbage ' +
        'collection, which nothing can interrupt. Ask again when it has returned'
      );
    case 'starved':
      return `: it was ready to run and had ${without}${sinceTurnMillis > millis ? ` of the last ${inSeconds(millis)}` : ''}. The process needs more CPU than it gets`;
    case 'unknown':
      return isOfAnyThread && withoutProcessorMillis >= WORTH_A_WORD_MILLIS
        ? `, while threads of the process had ${without}. Ask again`
        : '. Ask again';
  }
}

/**
 * What a thread did while it did not answer, by what the kernel says; `unknown` where that proves nothing.
 * - `waiting`: it slept all the time, in a call that no interrupt ends
 * - `busy`: it ran, and did nothing else: where it was interrupted, it was not JavaScript, which would have answered
 * - `starved`: it was ready to run and had no processor, for half of the time or longer
 */
export type Cause = 'waiting' | 'busy' | 'starved' | 'unknown';

/** CPU time in a single turn of an event loop that is late, for which it may be called stuck. @internal */
export const LONG_TURN_NANOS = 5e8;

/** A thread that did not answer. @internal */
export interface Silence {
  readonly millis: number;
  readonly cause: Cause;
  /** How long it had no processor; where the kernel's number of the thread is not known, the longest of any thread's. */
  readonly withoutProcessorMillis: number;
  readonly isOfAnyThread: boolean;
  /** Whether a CPU limit was reached meanwhile. */
  readonly throttled: boolean;
}

/** What a main thread that is starved shows less of than one that is known to be stuck, for those who read it. @internal */
export function noteOfStarved(silence: Silence | undefined): string | undefined {
  return silence?.cause === 'starved'
    ? `it had no processor for ${Math.round((100 * silence.withoutProcessorMillis) / silence.millis)} % of the time that its event loop was waited for, ` +
        'so it is not known whether it is stuck: a function in which it has been looping for long may be shown as its caller'
    : undefined;
}

/** Nothing but the time is known. @internal */
export function silenceOf(millis: number): Silence {
  return { millis, cause: 'unknown', withoutProcessorMillis: 0, isOfAnyThread: false, throttled: false };
}
