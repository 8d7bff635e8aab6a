import { describe, expect, it } from '@jest/globals';
import { GrowingPauses } from './growing.pauses.js';

describe('GrowingPauses', () => {
  it('doubles up to the limit, and starts over', () => {
    const pauses = new GrowingPauses(250, 1500);
    expect([1, 2, 3, 4, 5].map(() => pauses.next())).toEqual([250, 500, 1000, 1500, 1500]);
    pauses.startOver();
    expect([pauses.next(), pauses.next()]).toEqual([250, 500]);
  });
});
