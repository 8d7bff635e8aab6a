import { describe, expect, it } from '@jest/globals';
import { runRounds } from './rounds.mjs';

const LIMITS = { seconds: 0, fewest: 2, say: () => undefined };

describe('runRounds', () => {
  it('takes the cases forwards and backwards in turn', async () => {
    const order = [];
    const { rounds } = await runRounds(LIMITS, ['a', 'b'], async (name, index) => {
      order.push(`${name}${index}`);
      return { [name]: { at: { figure: index } } };
    });
    expect(order).toEqual(['a0', 'b0', 'b1', 'a1']);
    expect(rounds).toEqual([
      { a: { at: { figure: 0 } }, b: { at: { figure: 0 } } },
      { a: { at: { figure: 1 } }, b: { at: { figure: 1 } } },
    ]);
  });

  it('leaves out what fails, and says why, and goes on with the rest', async () => {
    const asked = [];
    const { rounds, missing } = await runRounds(LIMITS, ['good', 'bad'], async (name) => {
      asked.push(name);
      if (name === 'bad') {
        throw new Error('no such peer');
      }
      return { [name]: { at: {} } };
    });
    expect(asked).toEqual(['good', 'bad', 'good']);
    expect(rounds).toHaveLength(2);
    expect(missing).toEqual({ bad: 'no such peer' });
  });

  it('keeps all that several cases tell of one row', async () => {
    const { rounds } = await runRounds(LIMITS, ['a', 'b'], async (name) => ({
      [name]: { at: {} },
      control: [{ at: { from: name } }],
    }));
    expect(rounds[0].control).toEqual([{ at: { from: 'a' } }, { at: { from: 'b' } }]);
  });

  it('ends where nothing is left', async () => {
    const { rounds, missing } = await runRounds(LIMITS, ['bad'], async () => {
      throw new Error('no');
    });
    expect({ rounds, missing }).toEqual({ rounds: [], missing: { bad: 'no' } });
  });
});
