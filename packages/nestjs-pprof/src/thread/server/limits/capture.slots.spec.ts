import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CaptureSlots, TooManyCapturesError } from './capture.slots.js';

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

const STAYS = new AbortController().signal;

/** A capture that ends when it is told to. */
function start(slots: CaptureSlots, seconds?: number, gone = new AbortController()) {
  let end: (result: string) => void = () => undefined;
  let fail: (reason: Error) => void = () => undefined;
  const result = slots.run(
    seconds,
    gone.signal,
    () =>
      new Promise<string>((resolve, reject) => {
        end = resolve;
        fail = reject;
      }),
  );
  return { result, end: () => end('profile'), fail: (reason: Error) => fail(reason) };
}

describe('CaptureSlots', () => {
  it('gives what the capture gives', async () => {
    const capture = start(new CaptureSlots(1));
    capture.end();
    expect(await capture.result).toBe('profile');
  });

  it('refuses one more than the limit, before it is started', async () => {
    const slots = new CaptureSlots(2);
    const running = [start(slots, 5), start(slots, 5)];
    const oneMore = jest.fn(() => Promise.resolve('profile'));
    await expect(slots.run(5, STAYS, oneMore)).rejects.toThrow(new TooManyCapturesError(2, 5));
    expect(oneMore).not.toHaveBeenCalled();
    running.forEach(({ end }) => end());
  });

  it('says when the slot is free that a client has left early, not when its window would have ended', async () => {
    const slots = new CaptureSlots(1);
    const gone = new AbortController();
    void start(slots, 14, gone);
    gone.abort();
    await expect(slots.run(1, STAYS, () => Promise.resolve('profile'))).rejects.toThrow(
      new TooManyCapturesError(1, 1),
    );
  });

  it.each(['ends', 'fails', 'is left by its client'])('has a slot again when one %s', async (how) => {
    const slots = new CaptureSlots(1);
    const gone = new AbortController();
    const first = start(slots, 5, gone);
    jest.advanceTimersByTime(1000);
    if (how === 'ends') {
      first.end();
      await first.result;
    } else if (how === 'fails') {
      first.fail(new Error('disk full'));
      await first.result.catch(() => undefined);
    } else {
      // The capture itself may still have to clean up.
      gone.abort();
    }
    const next = start(slots, 5);
    next.end();
    expect(await next.result).toBe('profile');
  });

  it('holds the slot of a window for a second from its begin, however soon its client leaves', async () => {
    const slots = new CaptureSlots(1);
    const gone = new AbortController();
    start(slots, 5, gone);
    jest.advanceTimersByTime(25);
    gone.abort();
    await expect(slots.run(1, STAYS, () => Promise.resolve())).rejects.toThrow(TooManyCapturesError);
    jest.advanceTimersByTime(974);
    await expect(slots.run(1, STAYS, () => Promise.resolve())).rejects.toThrow(TooManyCapturesError);
    jest.advanceTimersByTime(1);
    await slots.run(1, STAYS, () => Promise.resolve());
  });

  it('frees the slot of what is of a moment when that has been answered', async () => {
    const slots = new CaptureSlots(1);
    const first = start(slots);
    await expect(slots.run(undefined, STAYS, () => Promise.resolve())).rejects.toThrow(TooManyCapturesError);
    first.end();
    await first.result;
    await slots.run(undefined, STAYS, () => Promise.resolve());
  });

  it('says when the first of them ends, in whole seconds', async () => {
    const slots = new CaptureSlots(2);
    start(slots, 30);
    jest.advanceTimersByTime(1000);
    start(slots, 10);
    jest.advanceTimersByTime(2500);
    await expect(slots.run(1, STAYS, () => Promise.resolve())).rejects.toMatchObject({
      headers: { 'Retry-After': '8' },
    });
  });

  it('says a second of those whose window is over', async () => {
    const slots = new CaptureSlots(1);
    start(slots, 5);
    jest.advanceTimersByTime(60_000);
    await expect(slots.run(1, STAYS, () => Promise.resolve())).rejects.toThrow(
      /^1 captures are running, or began less than a second ago, which is the limit \(option "maxCaptures" .* in 1 s: try again then$/,
    );
  });
});
