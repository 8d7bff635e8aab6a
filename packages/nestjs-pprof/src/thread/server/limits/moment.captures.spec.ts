import { describe, expect, it, jest } from '@jest/globals';
import { CaptureSlots, TooManyCapturesError } from './capture.slots.js';

/** Captures that end when they are told to. */
function setUp(max = 16) {
  const slots = new CaptureSlots(max);
  const running: Array<{ signal: AbortSignal; end: (answer: string) => void }> = [];
  const capture = jest.fn(
    (signal: AbortSignal) =>
      new Promise<string>((resolve, reject) => {
        running.push({ signal, end: resolve });
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      }),
  );
  const ask = (question: string, gone = new AbortController(), kind = 'goroutine') =>
    slots.runMoment(kind, question, gone.signal, capture);
  /** Until so many have begun. */
  const begun = async (count: number) => {
    while (running.length < count) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    return running[count - 1]!;
  };
  return { ask, begun, capture };
}

describe('captures of a moment', () => {
  it('has one answer for all who ask the same while it is made, in one slot, and makes the next anew', async () => {
    const { ask, begun, capture } = setUp(1);
    const answers = Array.from({ length: 100 }, () => ask('goroutine'));
    (await begun(1)).end('first');
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['first']));
    const next = ask('goroutine');
    (await begun(2)).end('second');
    expect(await next).toBe('second');
    expect(capture).toHaveBeenCalledTimes(2);
  });

  it('makes different ones of a kind one after the other', async () => {
    const { ask, begun, capture } = setUp();
    const first = ask('goroutine');
    const second = ask('goroutine?debug=2');
    const other = ask('heap', undefined, 'heap');
    const { end } = await begun(1);
    (await begun(2)).end('heap');
    expect(await other).toBe('heap');
    expect(capture).toHaveBeenCalledTimes(2);
    end('first');
    expect(await first).toBe('first');
    (await begun(3)).end('second');
    expect(await second).toBe('second');
  });

  it('refuses more questions than there are slots', async () => {
    const { ask, begun } = setUp(1);
    const first = ask('goroutine');
    await expect(ask('goroutine?debug=2')).rejects.toThrow(TooManyCapturesError);
    (await begun(1)).end('first');
    expect(await first).toBe('first');
  });

  it('goes on for the others where one leaves, and ends when the last one does', async () => {
    const { ask, begun } = setUp();
    const [one, other] = [new AbortController(), new AbortController()];
    const answers = [ask('goroutine', one), ask('goroutine', other)].map((answer) =>
      answer.catch(() => 'left'),
    );
    const { signal } = await begun(1);
    one.abort();
    expect(signal.aborted).toBe(false);
    other.abort();
    expect(signal.aborted).toBe(true);
    expect(await Promise.all(answers)).toEqual(['left', 'left']);
    const next = ask('goroutine');
    (await begun(2)).end('anew');
    expect(await next).toBe('anew');
  });

  it('does not begin what everybody has left before its turn', async () => {
    const { ask, begun, capture } = setUp();
    const first = ask('goroutine');
    const gone = new AbortController();
    const second = ask('goroutine?debug=2', gone).catch(() => 'left');
    gone.abort();
    (await begun(1)).end('first');
    expect([await first, await second]).toEqual(['first', 'left']);
    expect(capture).toHaveBeenCalledTimes(1);
  });
});
