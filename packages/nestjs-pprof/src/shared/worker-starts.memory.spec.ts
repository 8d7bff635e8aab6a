import { describe, expect, it } from '@jest/globals';
import { WorkerStartsMemory } from './shared.memory.js';

describe('WorkerStartsMemory', () => {
  it('tells the other side, which shares the memory, when a worker was started', () => {
    const main = new WorkerStartsMemory();
    const other = new WorkerStartsMemory(main.buffer);
    main.note(3, 1234.5);
    expect(other.startOf(3)).toBe(1234.5);
    expect(other.startOf(4)).toBeUndefined();
  });

  it('forgets a worker when as many have been started as it remembers', () => {
    const starts = new WorkerStartsMemory();
    starts.note(1, 10);
    starts.note(257, 20);
    expect(starts.startOf(1)).toBeUndefined();
    expect(starts.startOf(257)).toBe(20);
  });

  it('remembers for half a minute that a worker has lived for less than a second', () => {
    const main = new WorkerStartsMemory();
    const other = new WorkerStartsMemory(main.buffer);
    expect(other.hasShortLived(5000)).toBe(false);
    main.noteEnd(4500, 5000);
    expect(other.hasShortLived(5000)).toBe(true);
    expect(other.hasShortLived(34_999)).toBe(true);
    expect(other.hasShortLived(35_000)).toBe(false);
  });

  it('does not mind a worker that has lived longer', () => {
    const starts = new WorkerStartsMemory();
    starts.noteEnd(4000, 5000);
    expect(starts.hasShortLived(5001)).toBe(false);
  });

  it('remembers for half a minute that a worker has ended', () => {
    const main = new WorkerStartsMemory();
    const other = new WorkerStartsMemory(main.buffer);
    expect(other.hasEnded(5000)).toBe(false);
    main.noteEnd(10, 5000);
    expect(other.hasEnded(34_999)).toBe(true);
    expect(other.hasEnded(35_000)).toBe(false);
  });

  it('keeps the start of the last worker it remembers apart from the end of a short-lived one', () => {
    const starts = new WorkerStartsMemory();
    starts.note(255, 7);
    starts.noteEnd(4500, 5000);
    expect(starts.startOf(255)).toBe(7);
  });
});
