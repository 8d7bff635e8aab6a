import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { silentKernel } from '../../../test-fixtures/silent-kernel.js';
import { type Silence, ThreadStuckError, ThreadUnreachableError } from './threads.errors.js';

/** How a thread spends each millisecond that passes. */
interface Behaviour {
  readonly cpu: number;
  readonly waited: number;
  readonly state: string;
}

const TID = 4711;
let behaviour: Behaviour | undefined;
let throttles = 0;
let othersWait: number;

jest.unstable_mockModule('./kernel.threads.js', () => ({
  ...silentKernel,
  kernelThread: (tid: number) =>
    behaviour &&
    tid === TID && {
      cpuNanos: behaviour.cpu * performance.now() * 1e6,
      waitedNanos: behaviour.waited * performance.now() * 1e6,
      state: behaviour.state,
    },
  processorWaits: () => new Map([[1, othersWait * performance.now() * 1e6]]),
  timesThrottled: () => throttles,
}));
const { AnswerDeadline } = await import('./answer.deadline.js');

beforeEach(() => {
  jest.useFakeTimers();
  behaviour = undefined;
  throttles = 0;
  othersWait = 0;
});

afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

/** @returns of a thread that never answers, when that was given up and what is said of it */
async function given(thread: number | undefined, how?: Behaviour) {
  behaviour = how;
  const found: Silence[] = [];
  void new AnswerDeadline(thread ?? (() => undefined), 4000, (silence) => found.push(silence));
  const began = performance.now();
  while (found.length === 0) {
    await jest.advanceTimersByTimeAsync(50);
    throttles &&= throttles + 1;
  }
  const [silence] = found as [Silence];
  return {
    after: Math.round((performance.now() - began) / 100) / 10,
    cause: silence.cause,
    text: new ThreadUnreachableError('main', silence).message,
  };
}

describe('AnswerDeadline', () => {
  it.each([
    [
      'waits in native code: it sleeps',
      { cpu: 0, waited: 0, state: 'S' },
      'waiting',
      /it waits in a sync.* returned$/,
    ],
    [
      'waits for a disk',
      { cpu: 0.01, waited: 0, state: 'D' },
      'waiting',
      /it waits in a synchronous native call/,
    ],
    [
      'is busy in native code',
      { cpu: 0.97, waited: 0.01, state: 'R' },
      'busy',
      /it is busy in a synchronous native/,
    ],
    [
      'shares its processor',
      { cpu: 0.62, waited: 0.37, state: 'R' },
      'busy',
      /it is busy in a synchronous native/,
    ],
    [
      'does now this, now that',
      { cpu: 0.4, waited: 0, state: 'S' },
      'unknown',
      /^thread main has not answered for 4.\d s. Ask again$/,
    ],
  ])('is told of a thread that %s', async (_what, how, cause, text) => {
    const found = await given(TID, how);
    expect(found).toMatchObject({ cause, text: expect.stringMatching(text) });
    expect(found.after).toBeLessThan(7);
  });

  it('runs on the time in which the thread could have answered, and then says that it had no processor', async () => {
    const found = await given(TID, { cpu: 0.4, waited: 0.5, state: 'R' });
    expect(found.after).toBeCloseTo(8, 0);
    expect(found.text).toMatch(
      /it was ready to run and had no processor for 4\.\d s\. The process needs more CPU/,
    );
  });

  it('does not wait for ever for a thread that gets no processor at all', async () => {
    const found = await given(TID, { cpu: 0.02, waited: 0, state: 'R' });
    expect(found).toMatchObject({ cause: 'starved', text: expect.not.stringContaining('native call') });
    expect(found.after).toBeCloseTo(8, 0);
  });

  it('names the limit of the container where that was reached', async () => {
    throttles = 3;
    const { text } = await given(TID, { cpu: 0.1, waited: 0.8, state: 'R' });
    expect(text).toContain('and the CPU limit of its container or service was reached');
  });

  it('says of a thread whose number is not known what is known of all', async () => {
    othersWait = 0.6;
    const found = await given(undefined);
    expect(found).toMatchObject({ cause: 'unknown' });
    expect(found.text).toMatch(
      /, while threads of the process had no processor for up to 4\.\d s\. Ask again$/,
    );
  });

  it('says nothing but the time where the kernel says nothing, as on macOS', async () => {
    expect(await given(undefined)).toEqual({
      after: expect.closeTo(4, 0),
      cause: 'unknown',
      text: 'thread main has not answered for 4.0 s. Ask again',
    });
  });

  it('is over with the answer', async () => {
    const onExpired = jest.fn();
    const deadline = new AnswerDeadline(TID, 4000, onExpired);
    await jest.advanceTimersByTimeAsync(3000);
    deadline.cancel();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(onExpired).not.toHaveBeenCalled();
  });
});

describe('ThreadStuckError', () => {
  it('says how long the loop has not turned, and why as far as that is proven', () => {
    const silence: Silence = {
      millis: 61_000,
      cause: 'starved',
      withoutProcessorMillis: 50_000,
      isOfAnyThread: false,
      throttled: false,
    };
    expect(new ThreadStuckError('the main thread', silence).message).toBe(
      'the event loop of the main thread has not turned for 61.0 s: it was ready to run and had no processor for 50.0 s. ' +
        'The process needs more CPU than it gets',
    );
    expect(
      new ThreadStuckError(
        'the main thread',
        { ...silence, millis: 2000, withoutProcessorMillis: 1500 },
        61_000,
      ).message,
    ).toBe(
      'the event loop of the main thread has not turned for 61.0 s: it was ready to run and had no processor for 1.5 s of the last 2.0 s. ' +
        'The process needs more CPU than it gets',
    );
  });
});
