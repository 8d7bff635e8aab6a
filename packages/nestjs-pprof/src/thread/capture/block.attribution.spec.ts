import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ProfiledStack, TimedStack } from '../pprof/v8.profiles.js';
import { attributeBlocks, busyStretches, longTurns, NOT_SEEN } from './block.attribution.js';

function stack(functionName: string, file = '/app/a.js'): ProfiledStack {
  return { frames: [{ functionName, file, line: file === '' ? 0 : 1, column: 1 }], lines: [] };
}

const PARSE = stack('parse');
const HASH = stack('hash');
const IDLE = stack('(idle)', '');

/** One entry after the other, from 0 on: each a stack and its length in microseconds. */
function timelineOf(...entries: ReadonlyArray<readonly [ProfiledStack, number]>): TimedStack[] {
  let at = 0;
  return entries.map(([seen, length]) => {
    const entry = { stack: seen, from: at, to: at + length };
    at += length;
    return entry;
  });
}

describe('attributeBlocks', () => {
  it('gives a block its delay in nanoseconds and one contention', () => {
    const samples = attributeBlocks([{ from: 10, to: 90 }], timelineOf([PARSE, 100]));
    expect(samples).toEqual([{ stack: PARSE.frames, values: [1, 80_000] }]);
  });

  it('shares the delay out by the time each stack was seen, the contention goes to the one seen longest', () => {
    const samples = attributeBlocks([{ from: 0, to: 100 }], timelineOf([HASH, 10], [PARSE, 75], [HASH, 15]));
    expect(samples).toEqual([
      { stack: PARSE.frames, values: [1, 75_000] },
      { stack: HASH.frames, values: [0, 25_000] },
    ]);
  });

  it('attributes the whole delay to what was seen, even if that was only a part of the time', () => {
    const samples = attributeBlocks([{ from: 0, to: 100 }], timelineOf([IDLE, 90], [PARSE, 4]));
    expect(samples).toEqual([{ stack: PARSE.frames, values: [1, 100_000] }]);
  });

  it('says so where no stack was seen during a block', () => {
    const nothing = [{ stack: [NOT_SEEN], values: [1, 100_000] }];
    expect(attributeBlocks([{ from: 0, to: 100 }], [])).toEqual(nothing);
    expect(attributeBlocks([{ from: 0, to: 100 }], timelineOf([IDLE, 100], [PARSE, 10]))).toEqual(nothing);
  });

  it('shows the line that the innermost function was executing most', () => {
    const looping = { ...PARSE, lines: [{ line: 7, ticks: 9 }] };
    const [sample] = attributeBlocks([{ from: 0, to: 1 }], timelineOf([looping, 1]));
    expect(sample?.stack[0]?.executingLine).toBe(7);
  });

  it('preserves the number of contentions and, to the nanosecond, the delay', () => {
    const timelines = fc
      .array(fc.tuple(fc.constantFrom(PARSE, HASH, IDLE, stack('c')), fc.integer({ min: 1, max: 50 })))
      .map((entries) => timelineOf(...entries));
    const blocks = fc.array(
      fc.tuple(fc.nat({ max: 500 }), fc.integer({ min: 1, max: 300 })).map(([from, length]) => ({
        from: from / 3,
        to: (from + length) / 3,
      })),
    );
    fc.assert(
      fc.property(blocks, timelines, (someBlocks, timeline) => {
        const samples = attributeBlocks(someBlocks, timeline);
        const sum = (index: number) => samples.reduce((total, { values }) => total + values[index]!, 0);
        expect(sum(0)).toBe(someBlocks.length);
        const delay = someBlocks.reduce((total, { from, to }) => total + Math.round((to - from) * 1000), 0);
        expect(sum(1)).toBe(delay);
      }),
    );
  });
});

describe('longTurns', () => {
  it('keeps a late timer whose loop was busy all the time', () => {
    const late = [{ from: 0, to: 100 }];
    expect(longTurns(late, timelineOf([PARSE, 60], [HASH, 40]), 20)).toEqual(late);
  });

  it('begins after the last idle moment: until then the loop was turning', () => {
    const timeline = timelineOf([PARSE, 10], [IDLE, 10], [PARSE, 10], [IDLE, 10], [HASH, 60]);
    expect(longTurns([{ from: 0, to: 100 }], timeline, 20)).toEqual([{ from: 40, to: 100 }]);
  });

  it('leaves out what is not longer than the threshold then', () => {
    const timeline = timelineOf([IDLE, 80], [PARSE, 20]);
    expect(longTurns([{ from: 0, to: 100 }], timeline, 20)).toEqual([]);
    expect(longTurns([{ from: 0, to: 100 }], timeline, 19)).toEqual([{ from: 80, to: 100 }]);
  });

  it('leaves out a time in which the loop was idle to the end and beyond', () => {
    expect(longTurns([{ from: 0, to: 100 }], timelineOf([PARSE, 50], [IDLE, 100]), 20)).toEqual([]);
  });

  it('does not look at idle moments outside of the late time', () => {
    const timeline = timelineOf([IDLE, 10], [PARSE, 90], [IDLE, 10]);
    expect(longTurns([{ from: 10, to: 100 }], timeline, 20)).toEqual([{ from: 10, to: 100 }]);
  });
});

describe('busyStretches', () => {
  it('finds the stretches without an idle moment that are longer than the threshold', () => {
    const timeline = timelineOf([PARSE, 10], [HASH, 15], [IDLE, 5], [PARSE, 20], [IDLE, 5], [HASH, 21]);
    expect(busyStretches(timeline, 20)).toEqual([
      { from: 0, to: 25 },
      { from: 55, to: 76 },
    ]);
  });

  it('finds none in an idle or empty timeline', () => {
    expect(busyStretches(timelineOf([IDLE, 100]), 1)).toEqual([]);
    expect(busyStretches([], 1)).toEqual([]);
  });

  it('covers, with no threshold, all the time that is not idle', () => {
    const timelines = fc
      .array(fc.tuple(fc.constantFrom(PARSE, HASH, IDLE), fc.integer({ min: 1, max: 50 })))
      .map((entries) => timelineOf(...entries));
    fc.assert(
      fc.property(timelines, (timeline) => {
        const covered = busyStretches(timeline, 0).reduce((total, { from, to }) => total + to - from, 0);
        const busy = timeline
          .filter((entry) => entry.stack !== IDLE)
          .reduce((total, { from, to }) => total + to - from, 0);
        expect(covered).toBe(busy);
      }),
    );
  });
});
