import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { RateLimit } from './rate.limit.js';

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

function socketOf(client: { gone: boolean }): Socket {
  return {
    get destroyed() {
      return client.gone;
    },
  } as unknown as Socket;
}

const present = socketOf({ gone: false });

/** A burst of 2, then 10 a second. */
function limitOf(count: number) {
  const limit = new RateLimit(2, 10);
  const answered: number[] = [];
  for (let index = 0; index < count; index++) {
    limit.admit(present, () => answered.push(index));
  }
  return { limit, answered };
}

describe('RateLimit', () => {
  it('lets a few requests through at once', () => {
    expect(limitOf(2).answered).toEqual([0, 1]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('lets a flood through at its rate, in order', () => {
    const { answered } = limitOf(5);
    expect(answered).toEqual([0, 1]);
    jest.advanceTimersByTime(110);
    expect(answered).toEqual([0, 1, 2]);
    jest.advanceTimersByTime(1000);
    expect(answered).toEqual([0, 1, 2, 3, 4]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('lets a few through at once again after a pause', () => {
    const { limit, answered } = limitOf(4);
    jest.advanceTimersByTime(10_000);
    limit.admit(present, () => answered.push(4));
    limit.admit(present, () => answered.push(5));
    limit.admit(present, () => answered.push(6));
    expect(answered).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('forgets a client that has gone away', () => {
    const { limit, answered } = limitOf(2);
    const client = { gone: false };
    limit.admit(socketOf(client), () => answered.push(2));
    limit.admit(present, () => answered.push(3));
    client.gone = true;
    jest.advanceTimersByTime(110);
    expect(answered).toEqual([0, 1, 3]);
  });

  it('lets those first who ask for the first time on their connection', () => {
    const { limit, answered } = limitOf(5);
    limit.admit(socketOf({ gone: false }), () => answered.push(99));
    jest.advanceTimersByTime(110);
    expect(answered).toEqual([0, 1, 99]);
    jest.advanceTimersByTime(1000);
    expect(answered).toEqual([0, 1, 99, 2, 3, 4]);
  });

  it('lets those come last who send what no client of a profiler sends, also on a new connection', () => {
    const { limit, answered } = limitOf(3);
    limit.admit(socketOf({ gone: false }), () => answered.push(98), true);
    limit.admit(socketOf({ gone: false }), () => answered.push(99));
    jest.advanceTimersByTime(110);
    expect(answered).toEqual([0, 1, 99]);
    jest.advanceTimersByTime(1000);
    expect(answered).toEqual([0, 1, 99, 2, 98]);
  });

  it('forgets those who have gone, also where others come before them for ever', () => {
    const limit = new RateLimit(0, 0);
    limit.admit(socketOf({ gone: false }), () => undefined);
    for (let index = 0; index < 100; index++) {
      const client = { gone: false };
      const socket = socketOf(client);
      limit.admit(socket, () => undefined, true);
      client.gone = true;
      limit.admit(socket, () => undefined, true);
    }
    jest.advanceTimersByTime(20);
    expect(limit.waiting).toBe(1);
  });
});
