const OPEN = 0;
const TAKEN = 1;
const WITHDRAWN = 2;

/**
 * Settles between the two threads whether a request is done or given up, in memory that both see: a clock would not do, as
 * how long is waited for a main thread depends on whether it had a processor.
 *
 * @internal
 */
export function newClaim(): SharedArrayBuffer {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
}

/** @returns whether whoever has asked still waits for it, and does so until it is done. @internal */
export function takeRequest(claim: SharedArrayBuffer): boolean {
  return Atomics.compareExchange(new Int32Array(claim), 0, OPEN, TAKEN) === OPEN;
}

/** @returns whether it will never be done. @internal */
export function withdrawRequest(claim: SharedArrayBuffer): boolean {
  return Atomics.compareExchange(new Int32Array(claim), 0, OPEN, WITHDRAWN) !== TAKEN;
}
