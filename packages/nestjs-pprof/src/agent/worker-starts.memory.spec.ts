import { describe, expect, it } from '@jest/globals';
import { WorkerStartsMemory } from './worker-starts.memory.js';

describe('WorkerStartsMemory', () => {
  it('remembers when a worker was started, for whoever has its buffer', () => {
    const memory = new WorkerStartsMemory();
    memory.note(3, 1234.5);
    memory.note(4, 2000);
    const there = new WorkerStartsMemory(memory.buffer);
    expect([there.startOf(3), there.startOf(4)]).toEqual([1234.5, 2000]);
  });

  it('knows nothing of a worker that it was not told of', () => {
    const memory = new WorkerStartsMemory();
    memory.note(3, 1000);
    expect([memory.startOf(1), memory.startOf(256), memory.startOf(259)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('forgets a worker for a later one, rather than take one for the other', () => {
    const memory = new WorkerStartsMemory();
    memory.note(3, 1000);
    memory.note(3 + 256, 5000);
    expect([memory.startOf(3), memory.startOf(259)]).toEqual([undefined, 5000]);
  });
});
