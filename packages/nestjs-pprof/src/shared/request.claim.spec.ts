import { describe, expect, it } from '@jest/globals';
import { newClaim, takeRequest, withdrawRequest } from './shared.memory.js';

describe('a request', () => {
  it('is not done once it has been withdrawn', () => {
    const claim = newClaim();
    expect(withdrawRequest(claim)).toBe(true);
    expect(takeRequest(claim)).toBe(false);
    expect(withdrawRequest(claim)).toBe(true);
  });

  it('cannot be withdrawn once it has been taken, nor taken twice', () => {
    const claim = newClaim();
    expect(takeRequest(claim)).toBe(true);
    expect(withdrawRequest(claim)).toBe(false);
    expect(takeRequest(claim)).toBe(false);
  });
});
