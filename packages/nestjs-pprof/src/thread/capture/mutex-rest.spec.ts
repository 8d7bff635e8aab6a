import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Mutex } from './mutex.js';

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

/** A task that takes so long. */
function task(millis: number): () => Promise<void> {
  return () => new Promise((resolve) => setTimeout(resolve, millis));
}

describe('a Mutex with a rest after each task', () => {
  it('runs one at a time, with a rest of four times as long after each', async () => {
    const mutex = new Mutex(60_000);
    const second = jest.fn(task(10));
    void mutex.run(task(10));
    void mutex.run(second);
    await jest.advanceTimersByTimeAsync(49);
    expect(second).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    expect(second).toHaveBeenCalled();
  });

  it('rests no longer than the limit', async () => {
    const mutex = new Mutex(100);
    const second = jest.fn(task(10));
    void mutex.run(task(5000));
    void mutex.run(second);
    await jest.advanceTimersByTimeAsync(5099);
    expect(second).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    expect(second).toHaveBeenCalled();
  });

  it('gives what the task gives, or throws what it throws, and goes on', async () => {
    const mutex = new Mutex(0);
    expect(await mutex.run(() => Promise.resolve('value'))).toBe('value');
    const failed = mutex.run(() => Promise.reject(new Error('failed')));
    void jest.advanceTimersByTimeAsync(1);
    await expect(failed).rejects.toThrow('failed');
    const next = mutex.run(() => Promise.resolve('next'));
    void jest.advanceTimersByTimeAsync(1);
    expect(await next).toBe('next');
  });
});
