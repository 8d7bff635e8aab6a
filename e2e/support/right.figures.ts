import { expect } from '@jest/globals';

/** Fails, and shows all figures, unless they are right: `toMatchObject` would show no more than that they are not. */
export function expectRight(isRight: boolean, figures: object): void {
  expect({ ...figures, isRight }).toEqual({ ...figures, isRight: true });
}
