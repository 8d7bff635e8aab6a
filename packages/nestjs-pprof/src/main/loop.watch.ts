import { monotonicMillis, type LoopWatchRequest } from '../shared/agent.protocol.js';
import { LoopWatchMemory } from '../shared/loop-watch.memory.js';

const SHORTEST_PERIOD_MILLIS = 1;

/**
 * Watches the event loop of this thread with one timer: the time between two ticks in which the loop was not idle has blocked
 * it. A timer that is due runs as soon as a turn has ended, so that is one turn that was too long, or several that fit into
 * the time between two ticks: half of the threshold.
 *
 * @internal
 */
export class LoopWatch {
  readonly #timers = new Map<number, NodeJS.Timeout>();

  start({ id, thresholdMillis, memory }: LoopWatchRequest): void {
    this.stop(id);
    const { performance } = process.getBuiltinModule('node:perf_hooks');
    const watch = new LoopWatchMemory(memory);
    const thresholdMicros = thresholdMillis * 1000;
    const period = Math.max(SHORTEST_PERIOD_MILLIS, thresholdMillis / 2);
    // 0 until the loop has turned for the first time: it has not been idle either.
    const tick = () =>
      watch.tick(monotonicMillis() * 1000, performance.eventLoopUtilization().idle * 1000, thresholdMicros);
    tick();
    this.#timers.set(id, setInterval(tick, period).unref());
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
