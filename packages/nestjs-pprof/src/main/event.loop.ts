import type { LoopDescription } from '../shared/agent.protocol.js';

/** Rare enough to cost nothing; it is how exactly one can tell since when a loop has been stuck. */
const BEAT_MILLIS = 500;

/**
 * Notes in shared memory, twice a second, that the main thread's event loop turns: from there another thread can tell
 * since when it does not.
 *
 * @internal
 */
export class Heartbeat {
  readonly memory = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);
  readonly #lastBeat = new BigInt64Array(this.memory);
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#beat();
    this.#timer = setInterval(() => this.#beat(), BEAT_MILLIS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    Atomics.store(this.#lastBeat, 0, BigInt(Date.now()));
  }
}

/** What can only be told from within the main thread. @internal */
export function describeLoop(): LoopDescription {
  const { performance } = process.getBuiltinModule('node:perf_hooks');
  const { getHeapSpaceStatistics, getHeapStatistics } = process.getBuiltinModule('node:v8');
  return {
    activeResources: process.getActiveResourcesInfo(),
    utilization: performance.eventLoopUtilization(),
    memory: process.memoryUsage(),
    heap: { ...getHeapStatistics() },
    heapSpaces: getHeapSpaceStatistics().map((space) => ({ ...space })),
  };
}
