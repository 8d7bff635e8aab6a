import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  framesWithLine,
  isIdle,
  type ProfiledStack,
  samplesOfTimeline,
  timelineOf,
  type TimedStack,
  type V8CpuProfile,
} from './v8.profiles.js';

type Node = V8CpuProfile['nodes'][number];

function node(id: number, functionName: string, children: number[] = [], over: Partial<Node> = {}): Node {
  const url = functionName.startsWith('(') ? '' : 'file:///app/a.js';
  return {
    id,
    callFrame:
      url === ''
        ? { functionName, url, lineNumber: -1, columnNumber: -1 }
        : { functionName, url, lineNumber: 9, columnNumber: 4 },
    children,
    ...over,
  };
}

const NODES = [
  node(1, '(root)', [2, 3, 5]),
  node(2, '(idle)'),
  node(3, 'main', [4]),
  node(4, 'run'),
  node(5, '(program)'),
];

function profileOf(samples: number[], timeDeltas: number[], endTime: number): V8CpuProfile {
  return { nodes: NODES, startTime: 1000, endTime, samples, timeDeltas };
}

function namesOf({ stack }: { readonly stack: ProfiledStack }): string[] {
  return stack.frames.map(({ functionName }) => functionName);
}

function shown(timeline: readonly TimedStack[]) {
  return timeline.map((entry) => [namesOf(entry).join(' < '), entry.from, entry.to]);
}

describe('timelineOf', () => {
  it('lets each sample stand for the time until the next one, and the last until the end', () => {
    const timeline = timelineOf(profileOf([4, 2, 3], [100, 10, 20], 1150));
    expect(shown(timeline)).toEqual([
      ['run < main', 1100, 1110],
      ['(idle)', 1110, 1130],
      ['main', 1130, 1150],
    ]);
  });

  it('counts lines and columns from 1, innermost frame first, without (root)', () => {
    const [entry] = timelineOf(profileOf([4], [0], 1100));
    expect(entry?.stack.frames).toEqual([
      { functionName: 'run', file: 'file:///app/a.js', line: 10, column: 5 },
      { functionName: 'main', file: 'file:///app/a.js', line: 10, column: 5 },
    ]);
  });

  it('gives the same stack object to all samples of a node, so that stacks can be told by identity', () => {
    const timeline = timelineOf(profileOf([4, 3, 4], [0, 10, 10], 1100));
    expect(timeline[0]?.stack).toBe(timeline[2]?.stack);
    expect(timeline[0]?.stack).not.toBe(timeline[1]?.stack);
  });

  it('leaves out samples that took no time and those of nodes that there are not', () => {
    expect(shown(timelineOf(profileOf([4, 99, 3, 3], [0, 10, 10, 0], 1030)))).toEqual([
      ['run < main', 1000, 1010],
      ['main', 1020, 1030],
    ]);
  });

  it('is empty for a profile without samples', () => {
    expect(timelineOf(profileOf([], [], 1100))).toEqual([]);
  });

  it('covers the window from the first sample on without gap or overlap', () => {
    const samples = fc.array(fc.tuple(fc.constantFrom(2, 3, 4, 5), fc.integer({ min: 1, max: 1e5 })), {
      minLength: 1,
    });
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 1e5 }), (entries, tail) => {
        const deltas = entries.map(([, delta]) => delta);
        const end = 1000 + deltas.reduce((sum, delta) => sum + delta, 0) + tail;
        const timeline = timelineOf(
          profileOf(
            entries.map(([id]) => id),
            deltas,
            end,
          ),
        );
        expect(timeline).toHaveLength(entries.length);
        expect(timeline.map(({ to }) => to)).toEqual([...timeline.slice(1).map(({ from }) => from), end]);
      }),
    );
  });
});

describe('isIdle', () => {
  it('knows the time in which a thread waits for events', () => {
    const timeline = timelineOf(profileOf([2, 4, 5], [0, 10, 10], 1100));
    expect(timeline.map(isIdle)).toEqual([true, false, false]);
  });
});

describe('samplesOfTimeline', () => {
  const frame = { functionName: 'run', file: '/app/a.js', line: 1, column: 1 };
  const caller = { functionName: 'main', file: '/app/a.js', line: 20, column: 1 };
  const withLines = (lines: ProfiledStack['lines']): ProfiledStack => ({ frames: [frame, caller], lines });

  it('adds up samples and nanoseconds of each stack', () => {
    const one = withLines([]);
    const other: ProfiledStack = { frames: [caller], lines: [] };
    const timeline = [
      { stack: one, from: 0, to: 10 },
      { stack: other, from: 10, to: 15 },
      { stack: one, from: 15, to: 16 },
    ];
    expect(samplesOfTimeline(timeline)).toEqual([
      { stack: one.frames, values: [2, 11_000] },
      { stack: other.frames, values: [1, 5000] },
    ]);
  });

  it('shares the time of a function out among the lines that were executing', () => {
    const stack = withLines([
      { line: 3, ticks: 3 },
      { line: 4, ticks: 1 },
    ]);
    const timeline = Array.from({ length: 4 }, (_, index) => ({ stack, from: index, to: index + 1 }));
    expect(samplesOfTimeline(timeline)).toEqual([
      { stack: [{ ...frame, executingLine: 3 }, caller], values: [3, 3000] },
      { stack: [{ ...frame, executingLine: 4 }, caller], values: [1, 1000] },
    ]);
  });

  it('gives no line to a frame that is not code of a file', () => {
    const synthetic = { functionName: '(program)', file: '', line: 0, column: 0 };
    const stack: ProfiledStack = { frames: [synthetic], lines: [{ line: 1, ticks: 1 }] };
    expect(samplesOfTimeline([{ stack, from: 0, to: 1 }])).toEqual([
      { stack: [synthetic], values: [1, 1000] },
    ]);
  });

  it('neither gains nor loses a sample or a nanosecond, however the lines share them', () => {
    const lines = fc.array(fc.record({ line: fc.nat({ max: 50 }), ticks: fc.nat({ max: 7 }) }), {
      maxLength: 6,
    });
    const stacks = fc.array(lines.map(withLines), { minLength: 1, maxLength: 4 });
    const timelines = stacks.chain((all) =>
      fc.array(
        fc
          .tuple(fc.constantFrom(...all), fc.nat({ max: 1e9 }), fc.integer({ min: 1, max: 1e7 }))
          .map(([stack, from, length]) => ({ stack, from: from / 7, to: from / 7 + length / 3 })),
      ),
    );
    fc.assert(
      fc.property(timelines, (timeline) => {
        const samples = samplesOfTimeline(timeline);
        const sum = (index: number) => samples.reduce((total, { values }) => total + values[index]!, 0);
        expect(sum(0)).toBe(timeline.length);
        expect(sum(1)).toBe(
          timeline.reduce((total, { from, to }) => total + Math.round((to - from) * 1000), 0),
        );
        expect(
          samples.every(({ values }) => values.every((value) => Number.isInteger(value) && value >= 0)),
        ).toBe(true);
      }),
    );
  });
});

describe('framesWithLine', () => {
  const frames = [{ functionName: 'run', file: '/app/a.js', line: 1, column: 1 }];

  it('takes the line that was executing most of the time', () => {
    const lines = [
      { line: 3, ticks: 2 },
      { line: 7, ticks: 5 },
      { line: 9, ticks: 1 },
    ];
    expect(framesWithLine({ frames, lines })).toEqual([{ ...frames[0], executingLine: 7 }]);
    expect(lines[0]?.line).toBe(3);
  });

  it('leaves the stack as it is where no line is known', () => {
    expect(framesWithLine({ frames, lines: [] })).toBe(frames);
    expect(framesWithLine({ frames: [], lines: [{ line: 1, ticks: 1 }] })).toEqual([]);
  });
});
