import { describe, expect, it } from '@jest/globals';
import { listenOnceFree } from './listening.js';
import { TakenError } from './port.listening.js';

/** Taken for so many tries; then what `then` does. */
function listen(takenFor: number, then: () => string) {
  const told: string[] = [];
  const pauses: number[] = [];
  let tries = 0;
  const listening = listenOnceFree(
    async () => {
      tries += 1;
      await Promise.resolve();
      if (tries <= takenFor) {
        throw new TakenError(() => `taken ${tries}`);
      }
      return then();
    },
    (message) => told.push(message),
    (millis) => Promise.resolve(pauses.push(millis)),
  );
  return { told, pauses, listening };
}

describe('listenOnceFree', () => {
  it.each([
    [0, []],
    [2, []],
    [3, ['taken 3']],
    [10, ['taken 3']],
  ])('an address that is taken for %d tries is told of so: %j', async (takenFor, expected) => {
    const { told, listening } = listen(takenFor, () => 'address');
    expect(await listening).toBe('address');
    expect(told).toEqual(expected);
  });

  it('waits longer from one try to the next, up to a second', async () => {
    const { pauses, listening } = listen(4, () => 'address');
    await listening;
    expect(pauses).toEqual([250, 500, 1000, 1000]);
  });

  it('does not wait where that is of no use', async () => {
    const { told, listening } = listen(1, () => {
      throw new Error('no such host');
    });
    await expect(listening).rejects.toThrow('no such host');
    expect(told).toEqual([]);
  });
});
