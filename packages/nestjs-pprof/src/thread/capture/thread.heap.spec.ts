import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { InspectorTarget } from './inspector.connection.js';
import { MAIN_THREAD } from './thread.selection.js';
import { silenceOf, ThreadUnreachableError } from './threads.errors.js';
import { fakeSleep } from '../../../test-fixtures/fake-sleep.js';

jest.unstable_mockModule('node:timers/promises', () => ({ setTimeout: fakeSleep }));
const { collectGarbage } = await import('./thread.heap.js');

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(async () => {
  // Whatever rest there is.
  await jest.advanceTimersByTimeAsync(60_000);
  jest.useRealTimers();
});

/** A thread of which a collection takes so long; a session to it for each that asks. */
function threadOf(id: number, millis: number) {
  const post = jest.fn(() => new Promise<void>((resolve) => setTimeout(resolve, millis)));
  return {
    post,
    target: {
      thread: id === MAIN_THREAD.id ? MAIN_THREAD : { id, label: 'x' },
      post,
    } as unknown as InspectorTarget,
  };
}

describe('collectGarbage', () => {
  it('collects once for all who ask before it is done', async () => {
    const { target, post } = threadOf(0, 100);
    const asked = [collectGarbage(target), collectGarbage(target), collectGarbage(target)];
    await jest.advanceTimersByTimeAsync(100);
    expect(await Promise.all(asked)).toEqual([true, true, true]);
    expect(post).toHaveBeenCalledTimes(1);
  });

  it('lets the thread run four times as long before the next one', async () => {
    const { target, post } = threadOf(0, 100);
    void collectGarbage(target);
    await jest.advanceTimersByTimeAsync(100);
    const next = collectGarbage(target);
    await jest.advanceTimersByTimeAsync(399);
    expect(post).toHaveBeenCalledTimes(1);
    await jest.advanceTimersByTimeAsync(101);
    expect(await next).toBe(true);
    expect(post).toHaveBeenCalledTimes(2);
  });

  it('does not have one thread wait for another', async () => {
    const [first, second] = [threadOf(0, 100), threadOf(7, 100)];
    void collectGarbage(first.target);
    void collectGarbage(second.target);
    await jest.advanceTimersByTimeAsync(1);
    expect([first.post, second.post].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  });

  it('collects for those who are still there, where the session of the one who asked first has gone', async () => {
    const gone = threadOf(0, 100);
    gone.post.mockReturnValueOnce(Promise.reject(new Error('closed')));
    const there = threadOf(0, 100);
    const failed = expect(collectGarbage(gone.target)).rejects.toThrow('closed');
    const collected = collectGarbage(there.target);
    await jest.advanceTimersByTimeAsync(1000);
    await failed;
    expect(await collected).toBe(true);
  });

  it('tells where a thread does not come to it, but answers by interrupt', async () => {
    const { target, post } = threadOf(0, 1);
    post.mockReturnValueOnce(new Promise(() => undefined));
    const collected = collectGarbage(target);
    await jest.advanceTimersByTimeAsync(2001);
    expect(await collected).toBe(false);
  });

  it('waits for the collection of a large heap, in which the thread answers nothing', async () => {
    const { target, post } = threadOf(0, 9000);
    const collected = collectGarbage(target);
    await jest.advanceTimersByTimeAsync(9000);
    expect(await collected).toBe(true);
    expect(post).toHaveBeenCalledTimes(2);
  });

  it('fails where a thread is in a native call, with what is known of that', async () => {
    const { target, post } = threadOf(0, 1);
    const unreachable = new ThreadUnreachableError('x', silenceOf(20_000));
    post.mockReturnValueOnce(Promise.reject(unreachable));
    await expect(collectGarbage(target)).rejects.toBe(unreachable);
  });
});
