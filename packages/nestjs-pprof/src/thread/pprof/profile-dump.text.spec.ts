import { describe, expect, it } from '@jest/globals';
import { renderDump } from './profile.text.js';
import type { SymbolizedProfile } from './profile.symbolizer.js';

const run = { name: 'run (src/a.ts)', file: '/app/src/a.ts', line: 12, column: 3, startLine: 10 };
const idle = { name: '(idle)', file: '', line: 0, column: 0, startLine: 0 };
const type = { type: 'goroutine', unit: 'count' };

const PROFILE: SymbolizedProfile = {
  sampleTypes: [type],
  periodType: type,
  period: 1,
  samples: [
    {
      stack: [run, { ...run, name: 'main (src/a.ts)', line: 30 }],
      values: [1],
      labels: { thread: 'main', state: 'stuck' },
      notes: ['event loop has not turned since then', 'active resources: none'],
    },
    {
      stack: [idle],
      values: [1],
      labels: { thread: 'worker 3 (mail)', state: 'waiting', role: 'mail' },
      notes: [],
    },
  ],
  startedAt: 0,
  comments: ['first', 'second'],
};

describe('renderDump', () => {
  it('renders a heading, the notes and two lines a frame for each thread, then the comments', () => {
    expect(renderDump(PROFILE)).toBe(`thread main [stuck]:
# event loop has not turned since then
# active resources: none
run (src/a.ts)
\t/app/src/a.ts:12
main (src/a.ts)
\t/app/src/a.ts:30

thread worker 3 (mail) [waiting, role mail]:
(idle)

# first
# second
`);
  });
});
