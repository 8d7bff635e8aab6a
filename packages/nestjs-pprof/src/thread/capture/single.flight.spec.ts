import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { SingleFlight, untilAborted } from './single.flight.js';

const NEVER_ABORTED = new AbortController().signal;

/** Runs that end when they are told to. */
function controlledRuns() {
  const runs: Array<{ signal: AbortSignal; end: (answer: string) => void; fail: (error: Error) => void }> =
    [];
  const begin = (signal: AbortSignal) =>
    new Promise<string>((end, fail) => {
      runs.push({ signal, end, fail });
    });
  return { runs, begin };
}

describe('SingleFlight', () => {
  it('makes one run for all who ask for the same meanwhile, and another for who asks later', async () => {
    const flights = new SingleFlight<string, string>();
    const { runs, begin } = controlledRuns();
    const all = [1, 2, 3].map(() => flights.join('stacks', NEVER_ABORTED, begin));
    const other = flights.join('other', NEVER_ABORTED, begin);
    expect(runs).toHaveLength(2);
    runs[0]!.end('answer');
    runs[1]!.end('another');
    expect(await Promise.all(all)).toEqual(['answer', 'answer', 'answer']);
    expect(await other).toBe('another');
    // What has been answered is not given up.
    expect(runs.map(({ signal }) => signal.aborted)).toEqual([false, false]);
    void flights.join('stacks', NEVER_ABORTED, begin);
    expect(runs).toHaveLength(3);
  });

  it('fails for all where it fails, and begins anew for the next', async () => {
    const flights = new SingleFlight<string, string>();
    const { runs, begin } = controlledRuns();
    const all = [1, 2].map(() => flights.join('stacks', NEVER_ABORTED, begin));
    const rejected = all.map((one) => expect(one).rejects.toThrow('unreachable'));
    runs[0]!.fail(new Error('unreachable'));
    await Promise.all(rejected);
    const next = flights.join('stacks', NEVER_ABORTED, begin);
    runs[1]!.end('answer');
    expect(await next).toBe('answer');
  });

  it('goes on for those who still wait, and is given up when nobody does', async () => {
    const flights = new SingleFlight<string, string>();
    const { runs, begin } = controlledRuns();
    const [first, second] = [new AbortController(), new AbortController()];
    const firstAnswer = flights.join('stacks', first.signal, begin);
    const secondAnswer = flights.join('stacks', second.signal, begin);
    const firstRejected = expect(firstAnswer).rejects.toThrow('aborted');
    first.abort();
    await firstRejected;
    expect(runs[0]!.signal.aborted).toBe(false);
    const secondRejected = expect(secondAnswer).rejects.toThrow('aborted');
    second.abort();
    await secondRejected;
    expect(runs[0]!.signal.aborted).toBe(true);
    // Not the one that is given up.
    void flights.join('stacks', NEVER_ABORTED, begin);
    expect(runs).toHaveLength(2);
  });

  it('does not begin where the signal has fired already', async () => {
    const { runs, begin } = controlledRuns();
    await expect(new SingleFlight().join('stacks', AbortSignal.abort(), begin)).rejects.toThrow('aborted');
    expect(runs).toHaveLength(0);
  });
});

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
