import { describe, expect, it } from '@jest/globals';
import { type AddonFrame, encodeAddonProfile } from '../../../test-fixtures/addon-profile.js';
import { decodeAddonProfile } from './pprof.decoder.js';
import { TRUNCATED } from './profile.model.js';

const run: AddonFrame = { name: 'run', file: 'file:///app/dist/a.js', line: 3, column: 7 };

function stackOf(stack: readonly AddonFrame[]) {
  const { samples } = decodeAddonProfile(encodeAddonProfile([{ stack, values: [1, 2, 3] }]));
  return samples[0]?.stack;
}

describe('decodeAddonProfile', () => {
  it('reads stacks with their positions, values, duration and period', () => {
    const load: AddonFrame = { name: 'load', file: '/app/dist/b.js', line: 9, column: 1 };
    const encoded = encodeAddonProfile(
      [
        { stack: [load, run], values: [2, 20_000_000, 19_000_000] },
        { stack: [run], values: [1, 10_000_000, 0] },
      ],
      1_234_567_890,
    );
    expect(decodeAddonProfile(encoded)).toEqual({
      samples: [
        {
          stack: [
            { functionName: 'load', file: '/app/dist/b.js', line: 9, column: 1 },
            { functionName: 'run', file: 'file:///app/dist/a.js', line: 3, column: 7 },
          ],
          values: [2, 20_000_000, 19_000_000],
        },
        {
          stack: [{ functionName: 'run', file: 'file:///app/dist/a.js', line: 3, column: 7 }],
          values: [1, 10_000_000, 0],
        },
      ],
      durationNanos: 1_234_567_890,
      period: 10_000_000,
    });
  });

  it.each(['(anonymous:L#3)', '(anonymous:L#3:C#7)'])(
    'takes the generated position out of the name %s: it is in the location',
    (name) => {
      expect(stackOf([{ ...run, name }])?.[0]).toMatchObject({ functionName: '', line: 3, column: 7 });
    },
  );

  it.each(['(anonymous)', '(anonymous:L#12)', '(anonymous:L#3:C#5)'])(
    'keeps the name of a function that is called %s',
    (name) => {
      expect(stackOf([{ ...run, name }])?.[0]).toMatchObject({ functionName: name });
    },
  );

  it('takes what has no position either for anonymous', () => {
    expect(stackOf([{ name: '(anonymous)' }])?.[0]).toMatchObject({ functionName: '' });
  });

  it('says of a stack as deep as V8 keeps them that its callers are not known', () => {
    const deep = stackOf(Array.from({ length: 255 }, () => run));
    expect(deep).toHaveLength(256);
    expect(deep?.at(-1)).toBe(TRUNCATED);
    expect(stackOf(Array.from({ length: 100 }, () => run))).toHaveLength(100);
  });

  it('keeps a name that only looks a little like it', () => {
    expect(stackOf([{ ...run, name: '(anonymous) x' }])?.[0]).toMatchObject({
      functionName: '(anonymous) x',
    });
  });

  it.each([
    ['Garbage Collection', '(garbage collector)'],
    ['Non JS threads activity', '(non-JavaScript threads)'],
  ])("gives the addon's frame %s the name %s, without a caller", (name, ours) => {
    expect(stackOf([{ name }, { name: 'Node.js' }])).toEqual([
      { functionName: ours, file: '', line: 0, column: 0 },
    ]);
  });

  it('leaves a function of the application alone that is called so', () => {
    const stack = stackOf([{ ...run, name: 'Garbage Collection' }, run]);
    expect(stack?.map(({ functionName }) => functionName)).toEqual(['Garbage Collection', 'run']);
  });

  it('reads a profile without samples', () => {
    expect(decodeAddonProfile(encodeAddonProfile([])).samples).toEqual([]);
  });
});
