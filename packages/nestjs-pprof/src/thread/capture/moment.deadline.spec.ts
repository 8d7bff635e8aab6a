import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { silentKernel } from '../../../test-fixtures/silent-kernel.js';
import { MAIN_THREAD, type ThreadInfo } from './thread.selection.js';

const WORKER: ThreadInfo = { id: 3, label: 'worker 3' };
const WORKER_TID = 4711;
let knowsWorkers: boolean;

/** The main thread has no processor nine tenths of the time, the worker never has to wait. */
jest.unstable_mockModule('./kernel.threads.js', () => ({
  ...silentKernel,
  kernelThreadsOf: () => (knowsWorkers ? new Map([[WORKER.id, WORKER_TID]]) : undefined),
  processorWaits: () =>
    new Map([
      [process.pid, 0.9 * performance.now() * 1e6],
      [WORKER_TID, 0],
    ]),
}));
const { MomentDeadline } = await import('./moment.deadline.js');

const never = () => new Promise<never>(() => undefined);

beforeEach(() => {
  jest.useFakeTimers();
  knowsWorkers = true;
});

afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

/** What each ask has come to when the time is over; those that go on must have been told to end. */
async function outcomes(...asks: ReadonlyArray<readonly [ThreadInfo, () => Promise<string>]>) {
  const signals: AbortSignal[] = [];
  const settled = MomentDeadline.during(new AbortController().signal, (moment) =>
    Promise.all(
      asks.map(([thread, ask]) => {
        const answer = moment.answerOf(
          thread,
          (signal) => {
            signals.push(signal);
            return ask();
          },
          () => [WORKER],
        );
        return answer.catch((error: Error) => error.message);
      }),
    ),
  );
  await jest.advanceTimersByTimeAsync(20_000);
  const found = await settled;
  return { found, signals };
}

describe('MomentDeadline', () => {
  it('gives the answers that come, and does not wait for more than they take', async () => {
    const { found, signals } = await outcomes(
      [MAIN_THREAD, () => Promise.resolve('a')],
      [WORKER, () => Promise.reject(new Error('b'))],
    );
    expect(found).toEqual(['a', 'b']);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
  });

  it('says when there is not much time left', async () => {
    const { signal } = new AbortController();
    const hurried = MomentDeadline.during(signal, async ({ hurry }) => {
      await jest.advanceTimersByTimeAsync(3000);
      const early = hurry.aborted;
      await jest.advanceTimersByTimeAsync(1000);
      return [early, hurry.aborted];
    });
    expect(await hurried).toEqual([false, true]);
  });

  it('waits longer for the first answer of all, and not for those after it', async () => {
    const late = (millis: number) => () =>
      new Promise<string>((resolve) => setTimeout(() => resolve(`after ${millis} ms`), millis));
    const { found } = await outcomes([MAIN_THREAD, late(5500)], [WORKER, late(6500)]);
    await jest.advanceTimersByTimeAsync(0);
    expect(found).toEqual([
      'after 5500 ms',
      expect.stringMatching(/^thread worker 3 has not answered for 5\.5 s/),
    ]);
  });

  it('takes the session to the workers for no answer', async () => {
    const { signal } = new AbortController();
    const settled = MomentDeadline.during(signal, async (moment) => {
      await moment.within(MAIN_THREAD, () => Promise.resolve());
      return moment.answerOf(WORKER, never).catch((error: Error) => error.message);
    });
    await jest.advanceTimersByTimeAsync(20_000);
    expect(await settled).toMatch(/has not answered for 7\.0 s/);
  });

  it('gives up those that have not answered in time, together, and names what the kernel has shown of each', async () => {
    const { found, signals } = await outcomes(
      [MAIN_THREAD, never],
      [WORKER, never],
      [WORKER, () => Promise.resolve('a')],
    );
    expect(found).toEqual([
      expect.stringMatching(
        /^thread main has not answered for 5\.0 s: it was ready to run and had no processor for (4\.0|4\.1) s\. /,
      ),
      'thread worker 3 has not answered for 5.0 s. Ask again',
      'a',
    ]);
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
  });

  it("says how long any thread had no processor where the kernel's number of this one is not known", async () => {
    knowsWorkers = false;
    const { found } = await outcomes([WORKER, never]);
    expect(found).toEqual([
      expect.stringMatching(
        /^thread worker 3 .* 7\.0 s, while threads of the process had no processor for up to (5\.8|5\.9) s\. Ask again$/,
      ),
    ]);
  });

  it('ends at once when nobody waits any more, with that reason', async () => {
    const gone = new AbortController();
    const answer = MomentDeadline.during(gone.signal, (moment) => moment.answerOf(MAIN_THREAD, never));
    gone.abort(new Error('gone'));
    await expect(answer).rejects.toThrow('gone');
  });
});
