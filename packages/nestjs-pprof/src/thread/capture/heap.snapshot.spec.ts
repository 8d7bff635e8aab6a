import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { writeSnapshot } from './heap.snapshot.js';
import type { InspectorTarget } from './inspector.connection.js';
import { SnapshotFileError, SnapshotStalledError } from './threads.errors.js';

/** A thread whose snapshot comes when the test says so. */
class FakeTarget implements InspectorTarget {
  readonly thread = { id: 0, label: 'main' };
  readonly posted: unknown[] = [];
  finish: () => void = () => undefined;
  fail: (error: Error) => void = () => undefined;
  readonly #listeners = new Map<string, (params: unknown) => void>();

  post<T>(method: string, params?: object): Promise<T> {
    this.posted.push([method, params]);
    return new Promise((resolve, reject) => {
      this.finish = () => resolve({} as T);
      this.fail = reject;
    });
  }

  on<P>(event: string, listener: (params: P) => void): void {
    this.#listeners.set(
      `HeapProfiler.${event.replace('HeapProfiler.', '')}`,
      listener as (params: unknown) => void,
    );
  }

  emit(event: string, params: object = {}): void {
    this.#listeners.get(`HeapProfiler.${event}`)?.(params);
  }
}

let target: FakeTarget;
let written: string[];
const file = { write: (text: string) => void written.push(text) };

beforeEach(() => {
  jest.useFakeTimers();
  target = new FakeTarget();
  written = [];
});

afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

describe('writeSnapshot', () => {
  it('writes what comes, as it comes', async () => {
    const done = writeSnapshot(target, false, file);
    expect(target.posted).toEqual([['HeapProfiler.takeHeapSnapshot', { reportProgress: true }]]);
    target.emit('addHeapSnapshotChunk', { chunk: '{"a":' });
    target.emit('addHeapSnapshotChunk', { chunk: '1}' });
    target.finish();
    await done;
    expect(written).toEqual(['{"a":', '1}']);
  });

  it('takes as long as it takes, where there are signs of life', async () => {
    const done = writeSnapshot(target, true, file);
    jest.advanceTimersByTime(7_000);
    for (let minute = 0; minute < 10; minute += 1) {
      target.emit('reportHeapSnapshotProgress');
      jest.advanceTimersByTime(59_000);
    }
    target.finish();
    await expect(done).resolves.toBeUndefined();
  });

  it.each([
    ['a thread that does something', false, false, 60_000],
    ['a stuck one', true, false, 8_000],
    ['one that does nothing', false, true, 8_000],
  ])('gives up on %s that does not begin', async (_, stuck, isIdle, millis) => {
    const done = writeSnapshot(target, stuck, file, () => () => isIdle);
    const outcome = expect(done).rejects.toThrow(new SnapshotStalledError('main', millis, false));
    jest.advanceTimersByTime(millis);
    await outcome;
    target.finish();
    await Promise.resolve();
  });

  it('gives up on one that stops in the middle, and says so', async () => {
    const done = writeSnapshot(target, true, file);
    target.emit('reportHeapSnapshotProgress');
    const outcome = expect(done).rejects.toThrow(/stopped in the middle: no more of it has come for 60.0 s/);
    jest.advanceTimersByTime(60_000);
    await outcome;
    target.finish();
    await Promise.resolve();
  });

  it('rejects where the file cannot be written', async () => {
    const full = new SnapshotFileError('/tmp', new Error('ENOSPC: no space left on device'));
    const done = writeSnapshot(target, false, {
      write: () => {
        throw full;
      },
    });
    target.emit('addHeapSnapshotChunk', { chunk: 'x' });
    await expect(done).rejects.toBe(full);
    target.finish();
    await Promise.resolve();
    await Promise.resolve();
  });

  it('rejects with what the inspector says', async () => {
    const done = writeSnapshot(target, false, file);
    target.fail(new Error('the capture has ended'));
    await expect(done).rejects.toThrow('the capture has ended');
  });
});
