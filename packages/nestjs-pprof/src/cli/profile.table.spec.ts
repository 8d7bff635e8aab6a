import { describe, expect, it } from '@jest/globals';
import type { SymbolizedProfile } from '../thread/pprof/profile.symbolizer.js';
import { tableLines } from './profile.table.js';

const [outer, inner] = ['outer (src/a.ts)', 'inner (src/a.ts)'].map((name) => ({
  name,
  file: '/app/src/a.ts',
  line: 1,
  column: 1,
  startLine: 1,
})) as [SymbolizedProfile['samples'][0]['stack'][0], SymbolizedProfile['samples'][0]['stack'][0]];

const profile: SymbolizedProfile = {
  sampleTypes: [{ type: 'cpu', unit: 'nanoseconds' }],
  periodType: { type: 'cpu', unit: 'nanoseconds' },
  period: 1,
  samples: [
    { stack: [inner, outer], values: [3e9], labels: {}, notes: [] },
    { stack: [outer], values: [1e9], labels: {}, notes: [] },
  ],
  startedAt: 0,
  comments: [],
};

describe('tableLines', () => {
  it('has both figures of each function where there is room', () => {
    expect(tableLines(profile, 9, 'flat', 60)).toEqual([
      '      flat  flat%        cum   cum%  function',
      '        3s 75.00%         3s 75.00%  inner (src/a.ts)',
      '        1s 25.00%         4s   100%  outer (src/a.ts)',
    ]);
  });

  it('has those that it sorts by in a narrow terminal, so that the names can be read', () => {
    expect(tableLines(profile, 9, 'flat', 59)).toEqual([
      '      flat  flat%  function',
      '        3s 75.00%  inner (src/a.ts)',
      '        1s 25.00%  outer (src/a.ts)',
    ]);
    expect(tableLines(profile, 9, 'cum', 40)).toEqual([
      '       cum   cum%  function',
      '        4s   100%  outer (src/a.ts)',
      '        3s 75.00%  inner (src/a.ts)',
    ]);
  });
});
