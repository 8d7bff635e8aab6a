import { describe, expect, it } from '@jest/globals';
import { drawChart, scaleOf } from './chart.mjs';
import { against, compare } from './comparison.mjs';
import { staleFiles } from './page.mjs';
import { markdownTable, sentences } from './words.mjs';

const COLUMN = { label: 'CPU', unit: 'µs', digits: 1, compare: 'ratio', better: 'lower' };
const TABLE = {
  base: 'off',
  control: 'again',
  rows: {
    off: { label: 'off' },
    again: { label: 'control' },
    on: { label: 'ours', kind: 'ours', beside: ['peer', 'gone'] },
    peer: { label: 'theirs', kind: 'peer' },
    gone: { label: 'gone', kind: 'peer' },
  },
  columns: { cpu: COLUMN },
  says: ['cpu'],
};

/** Machines get slower from round to round; the ratios stay. */
function resultOf(ratios) {
  return {
    rounds: [100, 200, 300].map((off, index) =>
      Object.fromEntries(
        Object.entries({ off: 1, again: [0.99, 1, 1.01][index], ...ratios }).map(([row, ratio]) => [
          row,
          { at: { cpu: off * ratio } },
        ]),
      ),
    ),
  };
}

describe('compare', () => {
  it('compares within a round, not over all of them', () => {
    const { on } = compare(TABLE, resultOf({ on: 1.1 }));
    expect(on.cpu.value.median).toBeCloseTo(220);
    expect(on.cpu.relative.quartiles[0]).toBeCloseTo(1.1);
    expect(on.cpu.relative.quartiles[1]).toBeCloseTo(1.1);
    expect(on.cpu.verdict).toBe('higher');
  });

  it('takes a base that the row brings along before that of the table', () => {
    const rounds = [1, 2].map(() => ({
      off: { at: { cpu: 1 } },
      on: { at: { cpu: 30 }, against: { cpu: 10 } },
    }));
    expect(compare(TABLE, { rounds }).on.cpu.relative.median).toBe(3);
  });

  it('has no figure where none was measured', () => {
    expect(compare(TABLE, resultOf({})).on.cpu).toEqual({
      value: undefined,
      relative: undefined,
      verdict: undefined,
    });
  });

  it('compares two rows with each other', () => {
    const result = resultOf({ on: 1.1, peer: 1.3 });
    expect(against(TABLE, result, 'cpu', 'on', 'peer')).toMatchObject({ verdict: 'lower' });
    expect(against(TABLE, resultOf({ on: 1.1, peer: 1.1 }), 'cpu', 'on', 'peer').verdict).toBeUndefined();
    expect(against(TABLE, result, 'cpu', 'on', 'gone')).toBeUndefined();
  });
});

function said(ratios) {
  const result = resultOf(ratios);
  return sentences(TABLE, result, compare(TABLE, result)).join('\n');
}

describe('sentences', () => {
  it('say what is better', () => {
    expect(said({ on: 1.1, peer: 1.3 })).toBe(
      '- CPU:\n  - ours: +10 % (+10 % to +10 %). Less than theirs (−15 %).',
    );
  });

  it('say what is worse', () => {
    expect(said({ on: 1.3, peer: 1.1 })).toContain('**More than** theirs (+18 %)');
  });

  it('say where nothing is shown', () => {
    expect(said({ on: 1.002, peer: 1 })).toBe(
      '- CPU:\n  - ours: no difference shown (+0.2 % to +0.2 %). No difference shown from theirs.',
    );
  });
});

describe('a chart', () => {
  it('has everything on its axis, and marks at round numbers', () => {
    const { from, to, ticks } = scaleOf([{ median: 1.03, quartiles: [0.98, 1.06] }], 1, [0.99, 1.01]);
    expect(from).toBeLessThanOrEqual(0.98);
    expect(to).toBeGreaterThanOrEqual(1.06);
    expect(ticks.map((tick) => tick.toFixed(2))).toEqual(['0.98', '1.00', '1.02', '1.04', '1.06']);
  });

  it('bears values that are all the same', () => {
    expect(scaleOf([{ median: 0, quartiles: [0, 0] }]).ticks.every(Number.isFinite)).toBe(true);
  });

  it('has no markup of a label in it', () => {
    const svg = drawChart({
      title: 'a < b',
      note: '',
      rows: [{ label: '`--flag` & more', median: 1, quartiles: [1, 1], text: '1' }],
      format: String,
    });
    expect(svg).toContain('a &lt; b');
    expect(svg).toContain('--flag &amp; more');
  });
});

it('a table has columns of one width', () => {
  expect(markdownTable(['', 'µs'], [['a', '10.5']])).toBe('|     |   µs |\n| --- | ---: |\n| a   | 10.5 |');
});

it('the pages say what bench/results has: `npm run bench -- --render` writes them', () => {
  expect(staleFiles()).toEqual([]);
});
