/**
 * What a thread did while it did not answer, by what the kernel says; `unknown` where that proves nothing.
 * - `waiting`: it slept all the time, in a call that no interrupt ends
 * - `busy`: it ran, and did nothing else: where it was interrupted, it was not JavaScript, which would have answered
 * - `starved`: it was ready to run and had no processor, for half of the time or longer
 */
export type Cause = 'waiting' | 'busy' | 'starved' | 'unknown';

/** A thread that did not answer. @internal */
export interface Silence {
  readonly millis: number;
  readonly cause: Cause;
  /** How long it had no processor; where the kernel's number of the thread is not known, the longest of any thread's. */
  readonly withoutProcessorMillis: number;
  readonly isOfAnyThread: boolean;
  /** Whether the CPU limit of the container was reached meanwhile. */
  readonly throttled: boolean;
}

/** Nothing but the time is known. @internal */
export function silenceOf(millis: number): Silence {
  return { millis, cause: 'unknown', withoutProcessorMillis: 0, isOfAnyThread: false, throttled: false };
}
