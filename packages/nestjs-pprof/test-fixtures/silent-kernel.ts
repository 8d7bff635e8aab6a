/** In place of `kernel.threads.ts`, for tests that turn the clock: the kernel's own goes on as ever. */
export const silentKernel = {
  kernelThread: () => undefined,
  cpuNanosOfMain: () => undefined,
  kernelThreadsOf: () => undefined,
  processorWaits: () => new Map<number, number>(),
  timesThrottled: () => 0,
};
