import { describe, expect, it } from '@jest/globals';
import { describeStack } from './live.figures.js';

describe('describeStack', () => {
  it('names the innermost functions, and what is noted of them', () => {
    const dump = `thread main [stuck]:
# event loop has not turned since then
# in a synchronous native call
# active resources: none
spin (src/a.ts)
\t/app/src/a.ts:12
run (src/b.ts)
\t/app/src/b.ts:30

# comment
`;
    expect(describeStack(dump)).toEqual({
      text: 'in spin (src/a.ts), called by run (src/b.ts), at /app/src/a.ts:12; in a synchronous native call',
      isKnown: true,
    });
  });

  it.each([
    ['thread main [starved]:\n# had no processor\n\n# comment\n', 'where is not known; had no processor'],
    ['thread main [stuck]:\n(program)\n', 'in (program)'],
    ['# skipped main\n', 'where is not known'],
  ])('does not take for known what has no file: %j', (dump, text) => {
    expect(describeStack(dump)).toEqual({ text, isKnown: false });
  });
});
