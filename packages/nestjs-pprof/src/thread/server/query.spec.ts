import { describe, expect, it } from '@jest/globals';
import { firstValues } from './query.js';

describe('firstValues', () => {
  it('keeps single values', () => {
    expect(firstValues({ seconds: '5', debug: '' })).toEqual({ seconds: '5', debug: '' });
  });

  it('takes the first of a repeated parameter, as Go does', () => {
    expect(firstValues({ seconds: ['14', '15', '16'] })).toEqual({ seconds: '14' });
  });

  it('takes an empty list for an empty value', () => {
    expect(firstValues({ seconds: [] })).toEqual({ seconds: '' });
  });
});
