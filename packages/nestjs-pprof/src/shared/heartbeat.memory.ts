/** Reads, in any thread, when the main thread's event loop has turned last: milliseconds since the epoch. @internal */
export function lastBeatIn(memory: SharedArrayBuffer): number {
  return Number(Atomics.load(new BigInt64Array(memory), 0));
}
