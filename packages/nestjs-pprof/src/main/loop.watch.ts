import { monotonicMillis, type LoopWatchRequest } from '../shared/agent.protocol.js';
import { LoopWatchMemory } from '../shared/loop-watch.memory.js';

const SHORTEST_PERIOD_MILLIS = 5;

/** Watches the event loop of this thread with one timer: whatever makes the timer late has blocked the loop. @internal */
export class LoopWatch {
  readonly #timers = new Map<number, NodeJS.Timeout>();

  start({ id, thresholdMillis, memory }: LoopWatchRequest): void {
    this.stop(id);
    const watch = new LoopWatchMemory(memory);
    const thresholdMicros = thresholdMillis * 1000;
    const period = Math.max(SHORTEST_PERIOD_MILLIS, thresholdMillis / 2);
    const tick = () => watch.tick(monotonicMillis() * 1000, thresholdMicros);
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
