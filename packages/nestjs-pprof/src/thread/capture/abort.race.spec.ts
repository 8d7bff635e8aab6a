import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { untilAborted } from './single.flight.js';

const never = new Promise<never>(() => undefined);

describe('untilAborted', () => {
  it('settles as the promise does, and leaves no listener on the signal', async () => {
    const { signal } = new AbortController();
    expect(await untilAborted(signal, Promise.resolve(1))).toBe(1);
    await expect(untilAborted(signal, Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('rejects with the reason of the signal when that fires first', async () => {
    const controller = new AbortController();
    const result = untilAborted(controller.signal, never);
    controller.abort(new Error('gone'));
    await expect(result).rejects.toThrow('gone');
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('rejects where the signal has fired before, and hides no later rejection', async () => {
    const signal = AbortSignal.abort(new Error('gone'));
    await expect(untilAborted(signal, never)).rejects.toThrow('gone');
    const failing = new Promise<never>((_, reject) => {
      setImmediate(() => reject(new Error('later')));
    });
    await expect(untilAborted(signal, failing)).rejects.toThrow('gone');
    // It would end the process if nobody had heard of it.
    await expect(failing).rejects.toThrow('later');
  });
});
