import { describe, expect, it } from '@jest/globals';
import type { SymbolizedFrame, SymbolizedProfile } from '../thread/pprof/profile.symbolizer.js';
import { differenceOf, partsOf, speedscopeFile } from './speedscope.file.js';

function frame(name: string): SymbolizedFrame {
  return { name, file: `/app/${name}.ts`, line: 3, column: 1, startLine: 3 };
}

const [a, b] = [frame('a'), frame('b')];

type Seen = readonly [
  innermostFirst: readonly SymbolizedFrame[],
  value: number,
  labels?: Record<string, string>,
];

function profileOf(seen: readonly Seen[], type = 'cpu', unit = 'nanoseconds'): SymbolizedProfile {
  return {
    sampleTypes: [{ type, unit }],
    periodType: { type, unit },
    period: 1,
    samples: seen.map(([stack, value, labels = {}]) => ({ stack, values: [value], labels, notes: [] })),
    startedAt: 0,
    comments: [],
  };
}

interface File {
  readonly activeProfileIndex: number;
  readonly shared: { readonly frames: ReadonlyArray<{ readonly name: string }> };
  readonly profiles: ReadonlyArray<{
    readonly name: string;
    readonly unit: string;
    readonly samples: number[][];
    readonly weights: number[];
    readonly endValue: number;
  }>;
}

function fileOf(profile: SymbolizedProfile, active?: number): File {
  return JSON.parse(speedscopeFile(profile, 'x', active)) as File;
}

describe('partsOf', () => {
  it('is all, then each route and each thread by what it took', () => {
    const profile = profileOf([
      [[a], 1, { route: '/small', thread: 'main' }],
      [[b], 5, { route: '/large', thread: 'main' }],
      [[b], 2, { thread: 'worker 1' }],
    ]);
    expect(partsOf(profile).map(({ name }) => name)).toEqual([
      'all',
      '/large',
      '/small',
      'thread main',
      'thread worker 1',
    ]);
    expect(partsOf(profileOf([[[a], 1, { thread: 'main' }]])).map(({ name }) => name)).toEqual(['all']);
  });
});

describe('speedscopeFile', () => {
  it('has each part as a profile, outermost first, and every function once', () => {
    const file = fileOf(
      profileOf([
        [[a, b], 7, { route: '/x' }],
        [[b], 2],
      ]),
      1,
    );
    expect(file.activeProfileIndex).toBe(1);
    expect(file.shared.frames.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(file.profiles).toMatchObject([
      { name: 'all', unit: 'nanoseconds', samples: [[1, 0], [1]], weights: [7, 2], endValue: 9 },
      { name: '/x', samples: [[1, 0]], weights: [7] },
    ]);
  });

  it('has a difference as what has grown and what has shrunk, which is never negative', () => {
    const file = fileOf(
      profileOf(
        [
          [[a], 7],
          [[b], -3],
        ],
        'inuse_space',
        'bytes',
      ),
    );
    expect(file.profiles).toMatchObject([
      { name: 'what has grown', unit: 'bytes', weights: [7] },
      { name: 'what has shrunk', weights: [3] },
    ]);
  });

  it('of what only has shrunk has nothing that has grown', () => {
    expect(fileOf(profileOf([[[b], -3]])).profiles).toMatchObject([{ weights: [] }, { weights: [3] }]);
  });
});

describe('differenceOf', () => {
  it('is stack by stack, without what has stayed', () => {
    const before = profileOf([
      [[a], 5],
      [[b], 4],
      [[a, b], 1],
    ]);
    const after = profileOf([
      [[a], 8],
      [[b], 4],
      [[b, a], 2],
    ]);
    const { samples } = differenceOf(before, after);
    expect(samples.map(({ stack, values }) => [stack.map(({ name }) => name).join(), values[0]])).toEqual([
      ['a', 3],
      ['a,b', -1],
      ['b,a', 2],
    ]);
    // They stay as they were.
    expect(before.samples[0]!.values).toEqual([5]);
  });

  it('is of two of a kind', () => {
    expect(() => differenceOf(profileOf([]), profileOf([], 'inuse_space', 'bytes'))).toThrow(
      'different kinds',
    );
  });
});
