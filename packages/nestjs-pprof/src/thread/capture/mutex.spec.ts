import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Mutex } from './mutex.js';

describe('Mutex', () => {
  it('runs one task after the other, whether the one before succeeds or not', async () => {
    const mutex = new Mutex();
    const steps: string[] = [];
    const task = (name: string, fails: boolean) => async () => {
      steps.push(`${name} begins`);
      await Promise.resolve();
      steps.push(`${name} ends`);
      if (fails) {
        throw new Error(name);
      }
      return name;
    };
    const results = await Promise.allSettled([
      mutex.run(task('first', false)),
      mutex.run(task('second', true)),
      mutex.run(task('third', false)),
    ]);
    expect(steps).toEqual([
      'first begins',
      'first ends',
      'second begins',
      'second ends',
      'third begins',
      'third ends',
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('is held by one at a time, until it is released; releasing twice is releasing once', () => {
    const mutex = new Mutex();
    const release = mutex.tryAcquire();
    expect(release).toBeDefined();
    expect(mutex.tryAcquire()).toBeUndefined();
    release!();
    release!();
    const again = mutex.tryAcquire();
    expect(again).toBeDefined();
    expect(mutex.tryAcquire()).toBeUndefined();
  });

  it('tells of a task that runs, and when it has ended', async () => {
    const mutex = new Mutex();
    const done = mutex.run(() => Promise.resolve());
    expect(mutex.tryAcquire()).toBeUndefined();
    await done;
    expect(mutex.tryAcquire()).toBeDefined();
  });
});

/** A task that takes so long. */
function lasting(millis: number): () => Promise<void> {
  return () => new Promise((resolve) => setTimeout(resolve, millis));
}

describe('a Mutex with a rest after each task', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  it('runs one at a time, with a rest of four times as long after each', async () => {
    const mutex = new Mutex(60_000);
    const second = jest.fn(lasting(10));
    void mutex.run(lasting(10));
    void mutex.run(second);
    await jest.advanceTimersByTimeAsync(49);
    expect(second).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    expect(second).toHaveBeenCalled();
  });

  it('rests no longer than the limit', async () => {
    const mutex = new Mutex(100);
    const second = jest.fn(lasting(10));
    void mutex.run(lasting(5000));
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
