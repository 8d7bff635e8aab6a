import { describe, expect, it } from '@jest/globals';
import { OwnStalls } from './own.stalls.js';

const THRESHOLD = 20;

function stallsOf(...stalls: { from: number; to: number }[]): OwnStalls {
  const own = new OwnStalls();
  stalls.forEach((stall) => own.begin()(stall));
  return own;
}

describe('OwnStalls', () => {
  it('leaves blocks as they are where there was no stall', () => {
    const blocks = [{ from: 100, to: 130 }];
    expect(stallsOf({ from: 0, to: 100 }, { from: 130, to: 150 }).without(blocks, THRESHOLD)).toEqual(blocks);
  });

  it('drops a block that was nothing but a stall, or a short turn beside one', () => {
    const own = stallsOf({ from: 100, to: 160 });
    const blocks = [
      { from: 100, to: 161 },
      { from: 90, to: 170 },
    ];
    expect(own.without(blocks, THRESHOLD)).toEqual([]);
  });

  it('shortens a long turn by the stall in it', () => {
    expect(stallsOf({ from: 100, to: 160 }).without([{ from: 50, to: 170 }], THRESHOLD)).toEqual([
      { from: 110, to: 170 },
    ]);
  });

  it('counts stalls that overlap once', () => {
    const own = stallsOf({ from: 120, to: 160 }, { from: 100, to: 140 }, { from: 130, to: 135 });
    expect(own.without([{ from: 50, to: 170 }], THRESHOLD)).toEqual([{ from: 110, to: 170 }]);
  });

  it('knows that one is going on, and forgets one whose time is not known', () => {
    const own = new OwnStalls();
    const ends = [own.begin(), own.begin()];
    ends[0]!();
    expect(own.areGoingOn).toBe(true);
    ends[1]!({ from: 7, to: 7 });
    expect(own.areGoingOn).toBe(false);
    expect(own.without([{ from: 0, to: 30 }], THRESHOLD)).toEqual([{ from: 0, to: 30 }]);
  });
});
