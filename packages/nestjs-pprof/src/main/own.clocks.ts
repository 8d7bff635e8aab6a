// As they are when this package is loaded. Later an application may have set others (fake timers, time travel), and what is
// noted on the main thread is compared with the clock of the profiling thread.

/** Milliseconds since the epoch. @internal */
export const { now: epochMillis } = Date;

/** @internal */
export const { bigint: monotonicNanos } = process.hrtime;
