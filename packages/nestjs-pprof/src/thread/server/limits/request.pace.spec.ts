import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { RequestPace } from './request.pace.js';

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

function responseOf(client: { gone: boolean }, socket: object = {}): ServerResponse {
  return {
    get destroyed() {
      return client.gone;
    },
    req: { socket },
  } as unknown as ServerResponse;
}

const present = responseOf({ gone: false });

/** A burst of 2, then 10 a second. */
function paceOf(count: number) {
  const pace = new RequestPace(2, 10);
  const answered: number[] = [];
  for (let index = 0; index < count; index++) {
    pace.admit(present, () => answered.push(index));
  }
  return { pace, answered };
}

describe('RequestPace', () => {
  it('lets a few requests through at once', () => {
    expect(paceOf(2).answered).toEqual([0, 1]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('lets a flood through at its rate, in order', () => {
    const { answered } = paceOf(5);
    expect(answered).toEqual([0, 1]);
    jest.advanceTimersByTime(110);
    expect(answered).toEqual([0, 1, 2]);
    jest.advanceTimersByTime(1000);
    expect(answered).toEqual([0, 1, 2, 3, 4]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('lets a few through at once again after a pause', () => {
    const { pace, answered } = paceOf(4);
    jest.advanceTimersByTime(10_000);
    pace.admit(present, () => answered.push(4));
    pace.admit(present, () => answered.push(5));
    pace.admit(present, () => answered.push(6));
    expect(answered).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('forgets a client that has gone away', () => {
    const { pace, answered } = paceOf(2);
    const client = { gone: false };
    pace.admit(responseOf(client), () => answered.push(2));
    pace.admit(present, () => answered.push(3));
    client.gone = true;
    jest.advanceTimersByTime(110);
    expect(answered).toEqual([0, 1, 3]);
  });

  it('lets those first who ask for the first time on their connection', () => {
    const { pace, answered } = paceOf(5);
    pace.admit(responseOf({ gone: false }), () => answered.push(99));
    jest.advanceTimersByTime(110);
    expect(answered).toEqual([0, 1, 99]);
    jest.advanceTimersByTime(1000);
    expect(answered).toEqual([0, 1, 99, 2, 3, 4]);
  });
});
