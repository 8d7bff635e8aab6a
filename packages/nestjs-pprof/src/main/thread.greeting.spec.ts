import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { PACKAGE } from '../shared/package.identity.js';
import { ThreadGreeting } from './profiling.thread.js';

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

describe('ThreadGreeting', () => {
  it('gives up a thread that does not report, once', () => {
    const greeting = new ThreadGreeting(giveUp);
    jest.advanceTimersByTime(29_000);
    expect(giveUp).not.toHaveBeenCalled();
    jest.advanceTimersByTime(120_000);
    expect(greeting.admits(LISTENING)).toBe(false);
    expect(giveUp.mock.calls).toEqual([[expect.stringContaining('has not reported within 30 s')]]);
  });

  it('looks at no message of a thread that has not said what it is, or is another', () => {
    const greeting = new ThreadGreeting(giveUp);
    expect(greeting.admits(LISTENING)).toBe(false);
    expect(greeting.admits({ ...HELLO, version: '0.0.0' })).toBe(false);
    expect(greeting.admits({ ...HELLO, name: 'another' })).toBe(false);
    expect(greeting.admits(LISTENING)).toBe(false);
    jest.advanceTimersByTime(30_000);
    expect(giveUp).toHaveBeenCalledTimes(1);
  });

  it('looks at all of one that has, and waits no longer', () => {
    const greeting = new ThreadGreeting(giveUp);
    expect(greeting.admits(HELLO)).toBe(true);
    expect(greeting.admits(LISTENING)).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(120_000);
    expect(giveUp).not.toHaveBeenCalled();
  });

  it('waits no longer for a thread that has ended', () => {
    new ThreadGreeting(giveUp).stop();
    expect(jest.getTimerCount()).toBe(0);
  });
});
