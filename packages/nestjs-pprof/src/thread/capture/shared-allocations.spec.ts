import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { fakeSleep } from '../../../test-fixtures/fake-sleep.js';
import type { AllocationSource, AllocationTotals } from './thread.heap.js';

jest.unstable_mockModule('node:timers/promises', () => ({ setTimeout: fakeSleep }));
const { SharedAllocations } = await import('./thread.heap.js');

/** A thread that allocates one object in each millisecond; `allocated` tells how many there were. */
class FakeSource implements AllocationSource {
  readonly calls: string[] = [];
  #begunAt = 0;

  begin(): Promise<void> {
    this.calls.push('begin');
    this.#begunAt = Date.now();
    return Promise.resolve();
  }

  read(): Promise<AllocationTotals> {
    this.calls.push('read');
    const allocations = [{ sizeBytes: 1, count: Date.now() - this.#begunAt }];
    return Promise.resolve({ root: { scriptName: '', allocations, children: [] }, counted: true });
  }

  end(): Promise<void> {
    this.calls.push('end');
    return Promise.resolve();
  }
}

const countOf = (totals?: AllocationTotals) => totals?.root.allocations[0]?.count;

let source: FakeSource;
let shared: InstanceType<typeof SharedAllocations>;
const patient = new AbortController().signal;

beforeEach(() => {
  jest.useFakeTimers({ now: 1_000_000 });
  source = new FakeSource();
  shared = new SharedAllocations(source);
});

afterEach(() => {
  jest.useRealTimers();
});

describe('SharedAllocations', () => {
  it('counts from the begin of the window to its end', async () => {
    const capturing = shared.capture(1000, patient);
    await jest.advanceTimersByTimeAsync(1000);
    const { total, before } = await capturing;
    expect([countOf(total), countOf(before)]).toEqual([1000, undefined]);
    expect(source.calls).toEqual(['begin', 'read', 'end']);
  });

  it('runs once for windows that overlap, and each can be told from what it saw at both ends', async () => {
    const first = shared.capture(1000, patient);
    await jest.advanceTimersByTimeAsync(600);
    const second = shared.capture(1000, patient);
    await jest.advanceTimersByTimeAsync(1000);
    const windows = await Promise.all([first, second]);
    expect(windows.map(({ total, before }) => [countOf(before), countOf(total)])).toEqual([
      [undefined, 1000],
      [600, 1600],
    ]);
    expect(source.calls).toEqual(['begin', 'read', 'read', 'read', 'end']);
  });

  it('begins anew for a window after the last one', async () => {
    for (const _ of [1, 2]) {
      const capturing = shared.capture(100, patient);
      await jest.advanceTimersByTimeAsync(100);
      expect(countOf((await capturing).total)).toBe(100);
    }
    expect(source.calls).toEqual(['begin', 'read', 'end', 'begin', 'read', 'end']);
  });

  it('goes on for another client where one disconnects, and ends with the last', async () => {
    const client = new AbortController();
    const aborted = shared.capture(60_000, client.signal);
    const rejected = expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    const other = shared.capture(1000, patient);
    await jest.advanceTimersByTimeAsync(500);
    client.abort();
    await rejected;
    expect(source.calls).not.toContain('end');
    await jest.advanceTimersByTimeAsync(500);
    await other;
    expect(source.calls.at(-1)).toBe('end');
  });

  it('does not begin for a client that has disconnected before', async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(shared.capture(1000, controller.signal)).rejects.toMatchObject({ name: 'AbortError' });
    expect(source.calls).toEqual([]);
  });

  it('ends where reading fails, and can begin again', async () => {
    jest.spyOn(source, 'read').mockRejectedValueOnce(new Error('stuck'));
    const failing = expect(shared.capture(100, patient)).rejects.toThrow('stuck');
    await jest.advanceTimersByTimeAsync(100);
    await failing;
    expect(source.calls).toEqual(['begin', 'end']);
    const capturing = shared.capture(100, patient);
    await jest.advanceTimersByTimeAsync(100);
    await expect(capturing).resolves.toBeDefined();
  });

  it('does not end what has not begun', async () => {
    jest.spyOn(source, 'begin').mockRejectedValueOnce(new Error('held'));
    await expect(shared.capture(100, patient)).rejects.toThrow('held');
    expect(source.calls).toEqual([]);
  });
});
