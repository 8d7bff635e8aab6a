import { describe, expect, it } from '@jest/globals';
import { differs, quantile, summarize } from './statistics.mjs';

describe('quantile', () => {
  it('interpolates, whatever the order', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([10, 0], 0.25)).toBe(2.5);
    expect(quantile([7], 0.99)).toBe(7);
  });

  it('is nothing of nothing', () => {
    expect(quantile([], 0.5)).toBeUndefined();
    expect(summarize([])).toBeUndefined();
  });
});

describe('differs', () => {
  const control = summarize([0.98, 0.99, 1, 1.01, 1.02]);

  it('is shown where the quartiles lie beyond those of the control', () => {
    expect(differs(summarize([1.0, 1.04, 1.05, 1.06]), control, 1)).toBe('higher');
    expect(differs(summarize([0.9, 0.91, 0.93, 1]), control, 1)).toBe('lower');
  });

  it('is not shown where they overlap', () => {
    expect(differs(summarize([1, 1.01, 1.01, 1.03]), control, 1)).toBeUndefined();
    expect(differs(summarize([0.97, 0.98, 1.04, 1.05]), control, 1)).toBeUndefined();
  });

  it('is not shown by few values unless all of them lie beyond', () => {
    expect(differs(summarize([1.04, 1.05, 1.06]), control, 1)).toBe('higher');
    expect(differs(summarize([1, 1.05, 1.06]), control, 1)).toBeUndefined();
    expect(differs(summarize([1.04, 1.05, 1.06]), summarize([0.9, 1, 1.045]), 1)).toBeUndefined();
  });

  it('is not shown by too few', () => {
    expect(differs(summarize([5, 5]), summarize([1, 1]), 1)).toBeUndefined();
    expect(differs(summarize([5, 5]), undefined, 1)).toBeUndefined();
    expect(differs(summarize([]), control, 1)).toBeUndefined();
  });

  it('is not shown on the far side of a control that is off itself', () => {
    const high = summarize([1.05, 1.06, 1.07]);
    expect(differs(summarize([0.99, 0.995, 0.999]), high, 1)).toBe('lower');
    expect(differs(summarize([1.01, 1.02, 1.03]), high, 1)).toBeUndefined();
    expect(differs(summarize([1.01, 1.02, 1.03]), summarize([0.9, 0.91, 0.92]), 1)).toBe('higher');
  });

  it('takes 0 for differences', () => {
    expect(differs(summarize([2, 3, 4]), undefined, 0)).toBe('higher');
    expect(differs(summarize([-1, 3, 4]), undefined, 0)).toBeUndefined();
  });
});
