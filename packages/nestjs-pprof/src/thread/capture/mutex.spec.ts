import { describe, expect, it } from '@jest/globals';
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
