import type { LoopDescription, LoopWatchRequest } from '../shared/agent.protocol.js';
import { BEAT_MILLIS, LoopWatchMemory } from '../shared/shared.memory.js';
import { memoryUsage } from '../shared/memory.usage.js';
import { monotonicNanos, ownMillis } from '../shared/own.clocks.js';

/** Notes in shared memory that the event loop turns: another thread can tell from there since when it does not. @internal */
export class Heartbeat {
  readonly memory = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);
  readonly #lastBeat = new BigInt64Array(this.memory);
  readonly #timer: NodeJS.Timeout;

  constructor(private readonly clock: () => bigint = monotonicNanos) {
    this.#beat();
    this.#timer = setInterval(() => this.#beat(), BEAT_MILLIS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    Atomics.store(this.#lastBeat, 0, this.clock());
  }
}

/** What can only be told from within the main thread. @internal */
export function describeLoop(): LoopDescription {
  const { performance } = process.getBuiltinModule('node:perf_hooks');
  const { getHeapSpaceStatistics, getHeapStatistics } = process.getBuiltinModule('node:v8');
  return {
    activeResources: process.getActiveResourcesInfo(),
    utilization: performance.eventLoopUtilization(),
    memory: memoryUsage(),
    heap: { ...getHeapStatistics() },
    heapSpaces: getHeapSpaceStatistics().map((space) => ({ ...space })),
  };
}

const SHORTEST_PERIOD_MILLIS = 1;

/** How often the size of the heap is read, which takes some microseconds. */
const HEAP_MILLIS = 1000;

/**
 * A sampler's signal interrupts the wait of an idle loop, and libuv forgets what it has waited until then: with each turn, up to
 * one period of idle time counts as busy while samples are taken. A quarter of the threshold makes no long turn of a short one.
 * https://github.com/libuv/libuv/blob/v1.x/src/unix/linux.c (`uv__metrics_set_provider_entry_time` in `uv__io_poll`)
 */
const PERIODS_PER_THRESHOLD = 4;

/**
 * Watches the event loop of this thread with one timer: the time between two ticks in which the loop was not idle has blocked
 * it. A timer that is due runs as soon as a turn has ended, so that is one turn that was too long, or several that fit into
 * the time between two ticks: a quarter of the threshold.
 *
 * @internal
 */
export class LoopWatch {
  readonly #timers = new Map<number, NodeJS.Timeout>();
  #excludedMillis = 0;

  constructor(private readonly clock: () => number = ownMillis) {}

  start({ id, thresholdMillis, memory, heap }: LoopWatchRequest): void {
    this.stop(id);
    const { performance } = process.getBuiltinModule('node:perf_hooks');
    const watch = new LoopWatchMemory(memory);
    const thresholdMicros = thresholdMillis * 1000;
    const period = Math.max(SHORTEST_PERIOD_MILLIS, thresholdMillis / PERIODS_PER_THRESHOLD);
    const { getHeapStatistics } = process.getBuiltinModule('node:v8');
    let heapAt = 0;
    const tick = () => {
      const now = this.clock();
      // 0 until the loop has turned for the first time: it has not been idle either.
      const idle = performance.eventLoopUtilization().idle + this.#excludedMillis;
      watch.tick(now * 1000, idle * 1000, thresholdMicros);
      if (heap && now - heapAt >= HEAP_MILLIS) {
        heapAt = now;
        watch.noteHeap(getHeapStatistics().used_heap_size);
      }
    };
    tick();
    this.#timers.set(id, setInterval(tick, period).unref());
  }

  /** This part of the current turn is no block: the profiler itself has held the loop up. */
  exclude(millis: number): void {
    this.#excludedMillis += millis;
  }

  stop(id: number): void {
    clearInterval(this.#timers.get(id));
    this.#timers.delete(id);
  }

  stopAll(): void {
    this.#timers.forEach((timer) => clearInterval(timer));
    this.#timers.clear();
  }
}
