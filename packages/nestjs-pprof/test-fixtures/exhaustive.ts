import { it } from '@jest/globals';

/** Whether this is `npm run test:all`. */
export const IS_EXHAUSTIVE = process.env.TEST_ALL === '1';

const REASON = 'exhaustive, run by npm run test:all';

/** A test that `npm test` leaves out. Where all tests of a file would be, it is called `*.full.e2e-spec.ts` instead. */
export function itExhaustive(name: string, test: () => Promise<void> | void): void {
  if (IS_EXHAUSTIVE) {
    it(name, test);
  } else {
    it.skip(skippedTitle(name, REASON), test);
  }
}

/**
 * The rows of a table that are tested here: in `npm test` those that are essential, and the others are reported as skipped.
 */
export function rowsOf<T>(title: string, rows: readonly T[], isEssential: (row: T) => boolean): T[] {
  const left = IS_EXHAUSTIVE ? [] : rows.filter((row) => !isEssential(row));
  left.forEach((row) => it.skip(skippedTitle(`${title} ${JSON.stringify(row)}`, REASON), () => undefined));
  return rows.filter((row) => !left.includes(row));
}

/** How often a property test runs that takes long: a quarter of `count` in `npm test`. */
export function runsOf(count: number): { numRuns: number } {
  return { numRuns: IS_EXHAUSTIVE ? count : Math.ceil(count / 4) };
}

/** As scripts/test.reporter.mjs reads it. */
export function skippedTitle(name: string, reason: string): string {
  return `${name} (skipped: ${reason})`;
}
