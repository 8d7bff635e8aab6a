import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { PACKAGE } from '../shared/package.identity.js';
import { ThreadHandshake } from './profiling.thread.js';

const giveUp = jest.fn();

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
  giveUp.mockClear();
});

const HELLO = { type: 'hello', ...PACKAGE } as const;
const LISTENING = { type: 'listening', host: '127.0.0.1', port: 6060 } as const;

describe('ThreadHandshake', () => {
  it('gives up a thread that does not report, once', () => {
    const handshake = new ThreadHandshake(giveUp);
    jest.advanceTimersByTime(29_000);
    expect(giveUp).not.toHaveBeenCalled();
    jest.advanceTimersByTime(120_000);
    expect(handshake.admits(LISTENING)).toBe(false);
    expect(giveUp.mock.calls).toEqual([[expect.stringContaining('has not reported within 30 s')]]);
  });

  it('admits no message of a thread that has not said what it is, or is another', () => {
    const handshake = new ThreadHandshake(giveUp);
    expect(handshake.admits(LISTENING)).toBe(false);
    expect(handshake.admits({ ...HELLO, version: '0.0.0' })).toBe(false);
    expect(handshake.admits({ ...HELLO, name: 'another' })).toBe(false);
    expect(handshake.admits(LISTENING)).toBe(false);
    jest.advanceTimersByTime(30_000);
    expect(giveUp).toHaveBeenCalledTimes(1);
  });

  it('admits all of one that has, and waits no longer', () => {
    const handshake = new ThreadHandshake(giveUp);
    expect(handshake.admits(HELLO)).toBe(true);
    expect(handshake.admits(LISTENING)).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(120_000);
    expect(giveUp).not.toHaveBeenCalled();
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('by the application');
      },
    ],
    ['does not know the timer', () => undefined],
  ])('gives up none that has where `clearInterval` is another meanwhile, and %s', (_, broken) => {
    const handshake = new ThreadHandshake(giveUp);
    const cleared = jest.spyOn(globalThis, 'clearInterval').mockImplementation(broken);
    try {
      expect(handshake.admits(HELLO)).toBe(true);
      jest.advanceTimersByTime(120_000);
      expect(giveUp).not.toHaveBeenCalled();
    } finally {
      cleared.mockRestore();
    }
  });

  it('waits no longer for a thread that has ended', () => {
    new ThreadHandshake(giveUp).stop();
    expect(jest.getTimerCount()).toBe(0);
  });
});
