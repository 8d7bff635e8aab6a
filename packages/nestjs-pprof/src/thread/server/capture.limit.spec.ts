import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CaptureLimit, TooManyCapturesError } from './capture.limit.js';

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

const STAYS = new AbortController().signal;

/** A capture that ends when it is told to. */
function start(limit: CaptureLimit, seconds = 5, gone = new AbortController()) {
  let end: (result: string) => void = () => undefined;
  let fail: (reason: Error) => void = () => undefined;
  const result = limit.run(
    seconds,
    gone.signal,
    () =>
      new Promise<string>((resolve, reject) => {
        end = resolve;
        fail = reject;
      }),
  );
  return { result, end: () => end('profile'), fail };
}

describe('CaptureLimit', () => {
  it('gives what the capture gives', async () => {
    const capture = start(new CaptureLimit(1));
    capture.end();
    expect(await capture.result).toBe('profile');
  });

  it('refuses one more than the limit, before it is started', async () => {
    const limit = new CaptureLimit(2);
    const running = [start(limit), start(limit)];
    const oneMore = jest.fn(() => Promise.resolve('profile'));
    await expect(limit.run(5, STAYS, oneMore)).rejects.toThrow(new TooManyCapturesError(2, 5));
    expect(oneMore).not.toHaveBeenCalled();
    running.forEach(({ end }) => end());
  });

  it.each(['ends', 'fails'])('has a place again when one %s', async (how) => {
    const limit = new CaptureLimit(1);
    const first = start(limit);
    if (how === 'ends') {
      first.end();
    } else {
      first.fail(new Error('client gone'));
    }
    await first.result.catch(() => undefined);
    const next = start(limit);
    next.end();
    expect(await next.result).toBe('profile');
  });

  it('has a place again as soon as a client is gone, while the capture is still cleaning up', async () => {
    const limit = new CaptureLimit(1);
    const gone = new AbortController();
    start(limit, 5, gone);
    gone.abort();
    const next = start(limit);
    next.end();
    expect(await next.result).toBe('profile');
  });

  it('says when the first of them ends, in whole seconds', async () => {
    const limit = new CaptureLimit(2);
    start(limit, 30);
    jest.advanceTimersByTime(1000);
    start(limit, 10);
    jest.advanceTimersByTime(2500);
    await expect(limit.run(1, STAYS, () => Promise.resolve())).rejects.toMatchObject({
      retryAfterSeconds: 8,
    });
  });

  it('says a second of those whose window is over', async () => {
    const limit = new CaptureLimit(1);
    start(limit, 5);
    jest.advanceTimersByTime(60_000);
    await expect(limit.run(1, STAYS, () => Promise.resolve())).rejects.toThrow(
      /^1 captures are running, which is the limit \(option "maxCaptures" .* in 1 s: try again then$/,
    );
  });
});
