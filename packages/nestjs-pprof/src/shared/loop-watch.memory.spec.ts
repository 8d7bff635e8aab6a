import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LoopWatchMemory } from './shared.memory.js';

const THRESHOLD = 20_000;

describe('LoopWatchMemory', () => {
  it('has seen nothing before the first tick, which is no block', () => {
    const memory = new LoopWatchMemory();
    expect([memory.lastTick, memory.count]).toEqual([0, 0]);
    memory.tick(1e9, 0, THRESHOLD);
    expect([memory.lastTick, memory.count]).toEqual([1e9, 0]);
  });

  it('notes a tick that is later than the threshold, and no other', () => {
    const memory = new LoopWatchMemory();
    for (const now of [1000, 21_000, 41_001, 41_002]) {
      memory.tick(now, 0, THRESHOLD);
    }
    expect(memory.blocksFrom(0)).toEqual([{ from: 21_000, to: 41_001 }]);
    expect([memory.count, memory.lastTick]).toEqual([1, 41_002]);
  });

  it('does not take for a block what was idle, and finds the block behind it', () => {
    const memory = new LoopWatchMemory();
    memory.tick(1000, 0, THRESHOLD);
    memory.tick(61_000, 59_000, THRESHOLD);
    memory.tick(121_000, 59_000 + 39_000, THRESHOLD);
    memory.tick(181_000, 59_000 + 39_000 + 40_001, THRESHOLD);
    expect(memory.blocksFrom(0)).toEqual([{ from: 100_000, to: 121_000 }]);
  });

  it('is seen by whoever has its buffer, another thread for instance', () => {
    const memory = new LoopWatchMemory();
    const there = new LoopWatchMemory(memory.buffer);
    memory.tick(1000, 0, THRESHOLD);
    memory.tick(50_000, 0, THRESHOLD);
    expect([there.lastTick, there.count, there.blocksFrom(0)]).toEqual([
      50_000,
      1,
      [{ from: 1000, to: 50_000 }],
    ]);
  });

  it('tells the blocks from a number on', () => {
    const memory = new LoopWatchMemory();
    for (let tick = 1; tick <= 5; tick++) {
      memory.tick(tick * 30_000, 0, THRESHOLD);
    }
    expect(memory.blocksFrom(2)).toEqual([
      { from: 90_000, to: 120_000 },
      { from: 120_000, to: 150_000 },
    ]);
    expect(memory.blocksFrom(4)).toEqual([]);
    expect(memory.blocksFrom(99)).toEqual([]);
  });

  it('keeps the latest 4096 blocks, and counts all', () => {
    const memory = new LoopWatchMemory();
    for (let tick = 1; tick <= 5001; tick++) {
      memory.tick(tick * 30_000, 0, THRESHOLD);
    }
    const blocks = memory.blocksFrom(0);
    expect(memory.count).toBe(5000);
    expect(blocks).toHaveLength(4096);
    expect(blocks[0]).toEqual({ from: 905 * 30_000, to: 906 * 30_000 });
    expect(blocks.at(-1)).toEqual({ from: 5000 * 30_000, to: 5001 * 30_000 });
    expect(memory.lastTick).toBe(5001 * 30_000);
  });

  it('notes just the turns above the threshold of any series of ticks, in their length', () => {
    const gap = fc.record({
      active: fc.integer({ min: 1, max: 60_000 }),
      idle: fc.integer({ min: 0, max: 60_000 }),
    });
    fc.assert(
      fc.property(fc.array(gap), (gaps) => {
        const memory = new LoopWatchMemory();
        let [now, idleSoFar] = [1, 0];
        memory.tick(now, idleSoFar, THRESHOLD);
        const expected = gaps.flatMap(({ active, idle }) => {
          now += active + idle;
          idleSoFar += idle;
          memory.tick(now, idleSoFar, THRESHOLD);
          return active > THRESHOLD ? [{ from: now - active, to: now }] : [];
        });
        expect(memory.blocksFrom(0)).toEqual(expected);
        expect(memory.lastTick).toBe(now);
      }),
    );
  });
});
