// For the main thread: as they are when this package is loaded. Later an application may have set others (fake timers, time travel,
// mocks that throw), and what is noted there is compared with the clocks of the profiling thread.

/** Milliseconds since the epoch. @internal */
export const { now: epochMillis } = Date;

/** @internal */
export const { bigint: monotonicNanos } = process.hrtime;

/** As `monotonicMillis` of the protocol. @internal */
export function ownMillis(): number {
  return Number(monotonicNanos()) / 1e6;
}

/** @internal */
export const { cpuUsage: processCpuUsage } = process;
