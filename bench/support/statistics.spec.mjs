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
    expect(differs(summarize([1.04, 1.05, 1.06]), control, 1)).toBe('higher');
    expect(differs(summarize([0.9, 0.91, 0.93]), control, 1)).toBe('lower');
  });

  it('is not shown where they overlap', () => {
    expect(differs(summarize([1, 1.01, 1.03]), control, 1)).toBeUndefined();
    expect(differs(summarize([0.97, 1.04, 1.05]), control, 1)).toBeUndefined();
  });

  it('is not shown on the far side of a control that is off itself', () => {
    expect(differs(summarize([0.99, 0.995, 0.999]), summarize([1.05, 1.06, 1.07]), 1)).toBe('lower');
    expect(differs(summarize([1.01, 1.02, 1.03]), summarize([1.05, 1.06, 1.07]), 1)).toBeUndefined();
    expect(differs(summarize([1.01, 1.02, 1.03]), summarize([0.9, 0.91, 0.92]), 1)).toBe('higher');
  });

  it('takes 0 for differences, and no control for none', () => {
    expect(differs(summarize([2, 3, 4]), undefined, 0)).toBe('higher');
    expect(differs(summarize([-1, 3, 4]), undefined, 0)).toBe('higher');
    expect(differs(summarize([-4, -1, 4]), undefined, 0)).toBeUndefined();
  });

  it('is never shown by one round', () => {
    expect(differs(summarize([5]), control, 1)).toBeUndefined();
  });
});
