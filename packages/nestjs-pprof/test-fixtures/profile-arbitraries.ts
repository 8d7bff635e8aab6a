import fc from 'fast-check';
import type { Frame, Labels, Profile, StackSample } from '../src/thread/pprof/profile.model.js';

/** Few enough values that frames, stacks and labels coincide often. None of the files exists. */
export const anyFrame: fc.Arbitrary<Frame> = fc
  .record({
    functionName: fc.constantFrom('', 'run', 'get', '(anonymous)', '(garbage collector)', 'größe', 'a,b\0"'),
    file: fc.constantFrom(
      '',
      'node:fs',
      '/no-such-app/dist/a.js',
      'file:///no-such-app/dist/b%20c.js',
      '/no-such-app/node_modules/@x/y/index.js',
      'evalmachine.<anonymous>',
      'C:\\no-such-app\\dist\\a.js',
    ),
    line: fc.nat({ max: 3 }),
    column: fc.nat({ max: 2 }),
    executingLine: fc.option(fc.nat({ max: 3 }), { nil: undefined }),
  })
  .map(({ executingLine, ...frame }) => (executingLine === undefined ? frame : { ...frame, executingLine }));

const anyLabels: fc.Arbitrary<Labels | undefined> = fc.constantFrom<Labels | undefined>(
  undefined,
  { thread: 'main' },
  { thread: 'worker 3 (a,b)' },
  { thread: 'main', route: '/users/:id' },
  { thread: 'main","route', route: '/users/:id' },
  { thread: '1', x: '2' },
);

export const anyStack: fc.Arbitrary<Frame[]> = fc.array(anyFrame, { minLength: 1, maxLength: 5 });

/** Negative ones are in profiles of a difference. */
const anyValue = fc.integer({ min: -(10 ** 12), max: 10 ** 12 });

function anySample(valueCount: number): fc.Arbitrary<StackSample> {
  const values = fc.array(anyValue, { minLength: valueCount, maxLength: valueCount });
  return fc
    .record({ stack: anyStack, values, labels: anyLabels })
    .map(({ labels, ...sample }) => (labels === undefined ? sample : { ...sample, labels }));
}

const TYPES = [
  { type: 'alloc_objects', unit: 'count' },
  { type: 'alloc_space', unit: 'bytes' },
  { type: 'wall', unit: 'nanoseconds' },
  { type: 'cpu', unit: 'nanoseconds' },
];

/** Any profile that a profile kind may make. */
export const anyProfile: fc.Arbitrary<Profile> = fc
  .integer({ min: 1, max: TYPES.length })
  .chain((typeCount) =>
    fc
      .record({
        samples: fc.array(anySample(typeCount), { maxLength: 30 }),
        startedAt: fc.integer({ min: 1, max: Date.UTC(2100, 0) }),
        durationNanos: fc.option(fc.integer({ min: 1, max: 3600e9 }), { nil: undefined }),
        comments: fc.array(fc.constantFrom('one', 'two', 'three'), { minLength: 1, maxLength: 3 }),
        period: fc.nat(),
      })
      .map(({ durationNanos, ...profile }) => ({
        ...profile,
        ...(durationNanos === undefined ? {} : { durationNanos }),
        sampleTypes: TYPES.slice(0, typeCount),
        periodType: TYPES[typeCount - 1]!,
      })),
  );
