import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { brokenRules, totalsOf } from '../../../test-fixtures/pprof-rules.js';
import { anyFrame, anyProfile } from '../../../test-fixtures/profile-arbitraries.js';
import { encodePprof } from './pprof.encoder.js';
import { type Frame, type Profile, type StackSample, TRUNCATED } from './profile.model.js';
import type { SourceMaps } from './source.maps.js';
import type { CodePosition } from './source-map.table.js';
import { Symbolizer } from './profile.symbolizer.js';
import { runsOf } from '../../../test-fixtures/exhaustive.js';

type Mapping = (position: CodePosition) => CodePosition;

const UNMAPPED: Mapping = (position) => position;

/** Source maps that say what the test wants. */
function sourceMaps(original: Mapping, unreadable: Readonly<Record<string, string>> = {}): SourceMaps {
  const describeUnused = () =>
    Object.entries(unreadable).map(([file, reason]) => `source map of ${file} not used: ${reason}`);
  const positions = { original, describeUnused };
  return { load: () => Promise.resolve(positions) } as unknown as SourceMaps;
}

function frame(functionName: string, over: Partial<Frame> = {}): Frame {
  return { functionName, file: '/app/dist/a.js', line: 10, column: 5, ...over };
}

function profileOf(samples: readonly StackSample[]): Profile {
  const type = { type: 'cpu', unit: 'nanoseconds' };
  return { sampleTypes: [type], periodType: type, period: 1, samples, startedAt: 0, comments: ['kept'] };
}

async function symbolize(samples: readonly StackSample[], original = UNMAPPED, root = '/app') {
  return (await new Symbolizer(sourceMaps(original), root).symbolize(profileOf(samples))).samples;
}

async function nameOf(shown: Frame, original = UNMAPPED, root = '/app'): Promise<string | undefined> {
  const [sample] = await symbolize([{ stack: [shown], values: [1] }], original, root);
  return sample?.stack[0]?.name;
}

describe('Symbolizer, naming', () => {
  it.each([
    ['/app/dist/reports/a.js', 'run (dist/reports/a.js)', 'relative to the application'],
    ['/app/node_modules/express/lib/router.js', 'run (express/lib/router.js)', 'by package'],
    ['/app/node_modules/.pnpm/a@1/node_modules/@x/a/i.js', 'run (@x/a/i.js)', 'by the innermost package'],
    ['/usr/lib/node_modules/@nestjs/core/index.js', 'run (@nestjs/core/index.js)', 'by package, outside too'],
    ['/elsewhere/deep/down/a.js', 'run (down/a.js)', 'by the last two parts'],
    ['/application/a.js', 'run (application/a.js)', 'not as the application for a common prefix'],
    ['node:internal/fs', 'run (node:internal/fs)', 'modules of Node as they are'],
    ['', 'run', 'no file: the name alone'],
  ])('shows a function of %s as %s: %s', async (file, name) => {
    expect(await nameOf(frame('run', { file }))).toBe(name);
  });

  it('shortens Windows paths alike', async () => {
    const shown = frame('run', { file: 'C:\\app\\dist\\a.js' });
    expect(await nameOf(shown, UNMAPPED, 'C:\\app')).toBe('run (dist/a.js)');
  });

  it('tells anonymous functions apart by their line', async () => {
    expect(await nameOf(frame(''))).toBe('<anonymous> (dist/a.js:10)');
    expect(await nameOf(frame('', { file: '' }))).toBe('(anonymous)');
  });

  it('names a function by its original name, file and line', async () => {
    const original: Mapping = () => ({ functionName: 'build', file: '/app/src/a.ts', line: 3, column: 1 });
    const samples = await symbolize([{ stack: [frame('b')], values: [1] }], original);
    expect(samples[0]?.stack).toEqual([
      { name: 'build (src/a.ts)', file: '/app/src/a.ts', line: 3, column: 1, startLine: 3 },
    ]);
  });
});

describe('Symbolizer, functions of one name', () => {
  const namesOf = async (frames: readonly Frame[], original: Mapping = UNMAPPED) => {
    const [sample] = await symbolize([{ stack: frames, values: [1] }], original);
    return sample?.stack.map(({ name }) => name);
  };

  it('are told apart by their line, or by line and column', async () => {
    const frames = [
      frame('get'),
      frame('get', { line: 20 }),
      frame('get', { file: '/app/dist/b.js' }),
      frame('t', { line: 1, column: 7 }),
      frame('t', { line: 1, column: 90 }),
      frame('', { line: 30 }),
      frame('', { line: 30, column: 60 }),
    ];
    expect(await namesOf(frames)).toEqual([
      'get (dist/a.js:10)',
      'get (dist/a.js:20)',
      'get (dist/b.js)',
      't (dist/a.js:1:7)',
      't (dist/a.js:1:90)',
      '<anonymous> (dist/a.js:30:5)',
      '<anonymous> (dist/a.js:30:60)',
    ]);
  });

  it('have their line also where only one is seen, if the file is known to have another: from one profile to the next it stays', async () => {
    const ambiguous = (position: CodePosition) => ({ ...position, isAmbiguous: true as const });
    expect(await namesOf([frame('get')], ambiguous)).toEqual(['get (dist/a.js:10)']);
  });

  it('are one where it is the same function, executing other lines', async () => {
    const frames = [frame('get', { executingLine: 11 }), frame('get', { executingLine: 12 })];
    expect(await namesOf(frames)).toEqual(['get (dist/a.js)', 'get (dist/a.js)']);
  });

  it('have the position in the text that runs where no line of the source is known', async () => {
    const unmapped = ({ line, column, ...position }: CodePosition) => ({
      ...position,
      line: 0,
      column: 0,
      compiled: { line, column },
    });
    const frames = [frame('get'), frame('get', { line: 20 }), frame('run'), frame('')];
    expect(await namesOf(frames, unmapped)).toEqual([
      'get (dist/a.js, compiled 10)',
      'get (dist/a.js, compiled 20)',
      'run (dist/a.js)',
      '<anonymous> (dist/a.js, compiled 10)',
    ]);
  });
});

describe('Symbolizer, what comes out', () => {
  const HOSTILE = '\nthread main [stuck]:\n\u001b[2J\u202e';
  const ESCAPED = '\\nthread main [stuck]:\\n\\x1b[2J\\u202e';

  it('has no control characters: names, files, labels, notes, comments, details', async () => {
    const stack = [frame(HOSTILE, { file: `/app/${HOSTILE}.js` }), frame('', { file: `/app/${HOSTILE}.js` })];
    const profile = {
      ...profileOf([{ stack, values: [1], labels: { thread: HOSTILE }, notes: [HOSTILE] }]),
      comments: [HOSTILE],
      details: [HOSTILE],
    };
    const unreadable = { [`/app/${HOSTILE}.js`]: HOSTILE };
    const symbolized = await new Symbolizer(sourceMaps(UNMAPPED, unreadable), '/app').symbolize(profile);
    const text = JSON.stringify(symbolized);
    expect(text).not.toMatch(/\\u00|\\n(?<!\\\\n)|\u202e/);
    expect(symbolized.samples[0]?.stack[0]?.name).toBe(`${ESCAPED} (${ESCAPED}.js)`);
    expect(symbolized.samples[0]?.labels).toEqual({ thread: ESCAPED });
  });

  it('cuts names and files that are too long', async () => {
    const long = frame('run', { file: `/elsewhere/${'x'.repeat(5000)}` });
    const [sample] = await symbolize([{ stack: [frame('x'.repeat(5000)), long], values: [1] }]);
    expect(sample?.stack[0]?.name).toHaveLength(256 + '… (dist/a.js)'.length);
    expect(sample?.stack[1]?.file).toHaveLength(1024 + '…'.length);
  });

  it('says in one comment which share of the time is of stacks that V8 has cut', async () => {
    const symbolized = await new Symbolizer(sourceMaps(UNMAPPED), '/app').symbolize(
      profileOf([
        { stack: [frame('deep'), TRUNCATED], values: [30] },
        { stack: [frame('deeper'), TRUNCATED], values: [10] },
        { stack: [frame('flat')], values: [60] },
      ]),
    );
    expect(symbolized.comments).toEqual([
      'kept',
      '40 % of cpu is of stacks deeper than V8 keeps: below (truncated) their callers are not known',
    ]);
  });
});

describe('Symbolizer, the line that is executing', () => {
  const toTypeScript: Mapping = ({ line, ...rest }) => ({ ...rest, file: '/app/src/a.ts', line: line - 8 });

  it('shows that line, and keeps where the function starts', async () => {
    const samples = await symbolize(
      [{ stack: [frame('run', { executingLine: 15 })], values: [1] }],
      toTypeScript,
    );
    expect(samples[0]?.stack[0]).toMatchObject({ name: 'run (src/a.ts)', line: 7, startLine: 2 });
  });

  it('names the function by its own line, not by the one that is executing', async () => {
    expect(await nameOf(frame('', { executingLine: 15 }), toTypeScript)).toBe('<anonymous> (src/a.ts:2)');
  });

  it('shows the start of the function where that line is of another file, inlined by a bundler', async () => {
    const bundled: Mapping = (position) =>
      position.line === 15
        ? { ...position, file: '/app/src/other.ts', line: 1 }
        : { ...position, file: '/app/src/a.ts', line: 2 };
    const samples = await symbolize([{ stack: [frame('run', { executingLine: 15 })], values: [1] }], bundled);
    expect(samples[0]?.stack[0]).toMatchObject({ file: '/app/src/a.ts', line: 2 });
  });

  it('keeps the lines of one function apart', async () => {
    const samples = await symbolize([
      { stack: [frame('run', { executingLine: 15 })], values: [1] },
      { stack: [frame('run', { executingLine: 16 })], values: [2] },
    ]);
    expect(samples.map(({ stack, values }) => [stack[0]?.line, values])).toEqual([
      [15, [1]],
      [16, [2]],
    ]);
  });
});

describe('Symbolizer, merging', () => {
  it('adds up samples of equal stacks, even of different frame objects', async () => {
    const samples = await symbolize([
      { stack: [frame('a'), frame('b')], values: [1] },
      { stack: [frame('a'), frame('b')], values: [10] },
      { stack: [frame('b'), frame('a')], values: [100] },
      { stack: [frame('a')], values: [1000] },
    ]);
    expect(samples.map(({ values }) => values)).toEqual([[11], [100], [1000]]);
  });

  it('adds up stacks that are the same in the original source only', async () => {
    const oneLine: Mapping = (position) => ({ ...position, line: 1, column: 1 });
    const samples = await symbolize(
      [
        { stack: [frame('a', { line: 1 })], values: [1] },
        { stack: [frame('a', { line: 2 })], values: [2] },
      ],
      oneLine,
    );
    expect(samples.map(({ values }) => values)).toEqual([[3]]);
  });

  it('does not change what it is given', async () => {
    const given = { stack: [frame('a')], values: [1] };
    await symbolize([given, { stack: [frame('a')], values: [2] }]);
    expect(given.values).toEqual([1]);
  });

  it.each([
    [{ thread: 'main' }, { thread: 'worker 1' }],
    [{ thread: 'main' }, { thread: 'main', route: '/' }],
    [{ a: 'b' }, { b: 'a' }],
    [{ a: 'x' }, { b: 'x' }],
    [{ a: 'b","c' }, { a: 'b', c: '' }],
    [{ thread: 'main' }, {}],
  ])('keeps samples labelled %j and %j apart', async (one, other) => {
    const samples = await symbolize([
      { stack: [frame('a')], values: [1], labels: one },
      { stack: [frame('a')], values: [2], labels: other },
      { stack: [frame('a')], values: [4], labels: one },
    ]);
    expect(samples.map(({ values, labels }) => ({ values, labels }))).toEqual([
      { values: [5], labels: one },
      { values: [2], labels: other },
    ]);
  });

  it('leaves out what cancels out in the difference of two profiles, and nothing else', async () => {
    const samples = await symbolize([
      { stack: [frame('a')], values: [5, 10] },
      { stack: [frame('b')], values: [5, 10] },
      { stack: [frame('c')], values: [0, 3] },
      { stack: [frame('a')], values: [-5, -10] },
      { stack: [frame('b')], values: [-5, -20] },
    ]);
    expect(samples.map(({ stack, values }) => [stack[0]?.name, values])).toEqual([
      ['b (dist/a.js)', [0, -10]],
      ['c (dist/a.js)', [0, 3]],
    ]);
  });

  it('keeps the notes of a sample', async () => {
    const samples = await symbolize([{ stack: [frame('a')], values: [1], notes: ['waits'] }]);
    expect(samples[0]?.notes).toEqual(['waits']);
  });
});

describe('Symbolizer, comments', () => {
  it('names the source maps that could not be read, after the comments of the profile', async () => {
    const maps = sourceMaps(UNMAPPED, { '/app/dist/a.js': 'too large' });
    const { comments } = await new Symbolizer(maps, '/app').symbolize(profileOf([]));
    expect(comments).toEqual(['kept', 'source map of /app/dist/a.js not used: too large']);
  });
});

describe('Symbolizer, any profile with any source maps', () => {
  /** Sends each position to one of a few: many meet in the same place, as with functions that were inlined or cloned. */
  // Source maps give paths, not URLs.
  const anyOriginal = anyFrame.filter(({ file }) => !file.startsWith('file:'));
  const anyMapping = fc.array(anyOriginal, { minLength: 1, maxLength: 4 }).map(
    (originals): Mapping =>
      ({ functionName, file, line, column }) =>
        originals[(functionName.length + file.length + 3 * line + 5 * column) % originals.length]!,
  );

  const anyMapped = fc.tuple(anyProfile, anyMapping);

  const symbolizeMapped = ([profile, mapping]: [Profile, Mapping]) =>
    new Symbolizer(sourceMaps(mapping), '/no-such-app').symbolize(profile);

  it('neither gains nor loses any of the total of any value', async () => {
    await fc.assert(
      fc.asyncProperty(anyMapped, async (mapped) => {
        const [profile] = mapped;
        const totals = profile.sampleTypes.map((_unused, index) =>
          profile.samples.reduce((total, { values }) => total + values[index]!, 0),
        );
        expect(totalsOf(await encodePprof(await symbolizeMapped(mapped), '/app/main.js'))).toEqual(totals);
      }),
      runsOf(100),
    );
  });

  it('makes a profile that keeps the rules: valid ids, no stack twice', async () => {
    await fc.assert(
      fc.asyncProperty(anyMapped, async (mapped) => {
        const timed = mapped[0].durationNanos !== undefined;
        const encoded = await encodePprof(await symbolizeMapped(mapped), '/app/main.js');
        const defaultSampleType = mapped[0].sampleTypes.at(-1)!.type;
        expect(brokenRules(encoded, { timed, defaultSampleType })).toEqual([]);
      }),
      runsOf(100),
    );
  });

  it('keeps the depth of every stack, and has no more samples than before', async () => {
    await fc.assert(
      fc.asyncProperty(anyMapped, async (mapped) => {
        const { samples } = await symbolizeMapped(mapped);
        const depths = new Set(mapped[0].samples.map(({ stack }) => stack.length));
        expect(samples.length).toBeLessThanOrEqual(mapped[0].samples.length);
        expect(samples.filter(({ stack }) => !depths.has(stack.length))).toEqual([]);
      }),
      runsOf(100),
    );
  });
});
