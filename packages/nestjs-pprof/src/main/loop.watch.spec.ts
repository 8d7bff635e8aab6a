import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { monotonicMillis } from '../shared/agent.protocol.js';
import { LoopWatchMemory } from '../shared/shared.memory.js';
import { LoopWatch } from './event.loop.js';

beforeEach(() => {
  jest.useFakeTimers();
  jest.advanceTimersByTime(1000);
});

afterEach(() => {
  jest.useRealTimers();
});

describe('LoopWatch', () => {
  it('ticks as long as the loop turns, and finds no block then', () => {
    const memory = new LoopWatchMemory();
    const watch = new LoopWatch(monotonicMillis);
    watch.start({ id: 1, thresholdMillis: 20, memory: memory.buffer });
    jest.advanceTimersByTime(1000);
    expect(memory.lastTick).toBeCloseTo(monotonicMillis() * 1000);
    expect(memory.count).toBe(0);
    watch.stopAll();
  });

  it('ticks when it is started: what comes right after it may block already', () => {
    const memory = new LoopWatchMemory();
    const watch = new LoopWatch(monotonicMillis);
    watch.start({ id: 1, thresholdMillis: 20, memory: memory.buffer });
    expect(memory.lastTick).toBeCloseTo(monotonicMillis() * 1000);
    watch.stopAll();
  });

  it('finds nothing of a loop that turns, even where the threshold is shorter than its own period', () => {
    const memory = new LoopWatchMemory();
    const watch = new LoopWatch(monotonicMillis);
    watch.start({ id: 1, thresholdMillis: 6, memory: memory.buffer });
    jest.advanceTimersByTime(1000);
    expect(memory.count).toBe(0);
    watch.stopAll();
  });

  it('ticks four times within a threshold, as samples make libuv take idle time between two ticks for busy', () => {
    const memory = new LoopWatchMemory();
    const watch = new LoopWatch(monotonicMillis);
    watch.start({ id: 1, thresholdMillis: 20, memory: memory.buffer });
    const startedAt = memory.lastTick;
    jest.advanceTimersByTime(6);
    expect(memory.lastTick).toBeCloseTo(startedAt + 5000);
    watch.stopAll();
  });

  it('leaves out for how long the profiler itself has held the loop up', () => {
    jest.spyOn(performance, 'eventLoopUtilization').mockReturnValue({ idle: 0, active: 0, utilization: 1 });
    const memory = new LoopWatchMemory();
    const watch = new LoopWatch(monotonicMillis);
    // The loop is said to be busy all the time, so the shortest period is a block at such a threshold.
    const blocksIfExcluded = (millis: number) => {
      const before = memory.count;
      watch.start({ id: 1, thresholdMillis: 0.5, memory: memory.buffer });
      watch.exclude(millis);
      jest.advanceTimersByTime(1);
      watch.stopAll();
      return memory.count - before;
    };
    expect(blocksIfExcluded(0.2)).toBe(1);
    expect(blocksIfExcluded(0.6)).toBe(0);
    expect(blocksIfExcluded(0)).toBe(1);
    jest.restoreAllMocks();
  });

  it('serves several watches, each with its own memory, and stops the one that is named', () => {
    const [one, other] = [new LoopWatchMemory(), new LoopWatchMemory()];
    const watch = new LoopWatch(monotonicMillis);
    watch.start({ id: 1, thresholdMillis: 20, memory: one.buffer });
    watch.start({ id: 2, thresholdMillis: 20, memory: other.buffer });
    watch.stop(1);
    const stoppedAt = one.lastTick;
    jest.advanceTimersByTime(100);
    expect(one.lastTick).toBe(stoppedAt);
    expect(other.lastTick).toBeGreaterThan(stoppedAt);
    watch.stopAll();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('has one timer for an id that is started twice', () => {
    const watch = new LoopWatch(monotonicMillis);
    const request = { id: 1, thresholdMillis: 20, memory: new LoopWatchMemory().buffer };
    watch.start(request);
    watch.start(request);
    expect(jest.getTimerCount()).toBe(1);
    watch.stop(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('takes it well to stop what does not run', () => {
    const watch = new LoopWatch(monotonicMillis);
    expect(() => {
      watch.stop(7);
      watch.stopAll();
    }).not.toThrow();
  });
});
