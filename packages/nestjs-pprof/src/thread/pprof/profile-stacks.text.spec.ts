import { describe, expect, it } from '@jest/globals';
import { renderStacks } from './profile.text.js';
import type { SymbolizedProfile } from './profile.symbolizer.js';

const run = { name: 'run (src/a.ts)', file: '/app/src/a.ts', line: 12, column: 3, startLine: 10 };
const collector = { name: '(garbage collector)', file: '', line: 0, column: 0, startLine: 0 };

const PROFILE: SymbolizedProfile = {
  sampleTypes: [
    { type: 'inuse_objects', unit: 'count' },
    { type: 'inuse_space', unit: 'bytes' },
  ],
  periodType: { type: 'space', unit: 'bytes' },
  period: 1,
  samples: [
    { stack: [collector], values: [7, 100], labels: {}, notes: [] },
    { stack: [run, collector], values: [1, 400], labels: { thread: 'main', route: '/' }, notes: [] },
  ],
  startedAt: 0,
  comments: ['first', 'second'],
};

describe('renderStacks', () => {
  it('renders totals, then the stacks, largest by the last value first, then the comments', () => {
    expect(renderStacks(PROFILE, 'heap'))
      .toBe(`heap profile: total 8: 500 (inuse_objects/count inuse_space/bytes)

1: 400 thread=main route=/ @
#\trun (src/a.ts)\t/app/src/a.ts:12
#\t(garbage collector)

7: 100 @
#\t(garbage collector)

# first

# second
`);
  });

  it('does not change the order of the samples in the profile', () => {
    renderStacks(PROFILE, 'heap');
    expect(PROFILE.samples[0]?.values).toEqual([7, 100]);
  });

  it('renders a profile without samples', () => {
    expect(renderStacks({ ...PROFILE, samples: [], comments: [] }, 'mutex')).toBe(
      'mutex profile: total 0: 0 (inuse_objects/count inuse_space/bytes)\n',
    );
  });

  it('orders by the default sample type where there is one', () => {
    const text = renderStacks({ ...PROFILE, defaultSampleType: 'inuse_objects' }, 'heap');
    expect(text.indexOf('7: 100')).toBeLessThan(text.indexOf('1: 400'));
  });

  it('ends with the details, one line each', () => {
    const text = renderStacks({ ...PROFILE, details: ['rss = 1', 'external = 2'] }, 'heap');
    expect(text).toMatch(/\n\n# second\n\n# rss = 1\n# external = 2\n$/);
  });
});
