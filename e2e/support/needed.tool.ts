import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, it } from '@jest/globals';
import { skippedTitle } from '../../packages/nestjs-pprof/test-fixtures/exhaustive.js';

/** A program that tests need and that a newcomer may not have. */
export interface NeededTool {
  readonly name: string;
  readonly isFound: boolean;
  /** How to get it. */
  readonly remedy: string;
}

/**
 * A suite that needs a tool. A newcomer without it sees the suite skipped, and why. In CI its tests run and fail: what was
 * not tested there must not pass.
 */
export function describeWithTool(
  { name: tool, isFound, remedy }: NeededTool,
  name: string,
  suite: () => void,
): void {
  describeWhere(isFound || process.env.CI === 'true', `${tool} not found, ${remedy}`, name, suite);
}

/** A suite that is skipped where something does not hold. The reason ends up in the report. */
export function describeWhere(holds: boolean, reason: string, name: string, suite: () => void): void {
  if (holds) {
    describe(name, suite);
  } else {
    describe.skip(skippedTitle(name, reason), suite);
  }
}

/** The same for one test. */
export function itWhere(holds: boolean, reason: string, name: string, test: () => Promise<void>): void {
  if (holds) {
    it(name, test);
  } else {
    it.skip(skippedTitle(name, reason), test);
  }
}

/** Absolute path of a program, in PATH or in further directories; undefined where there is none. */
export function findProgram(name: string, ...directories: string[]): string | undefined {
  return [...(process.env.PATH ?? '').split(delimiter), ...directories]
    .map((directory) => join(directory, name))
    .find((file) => existsSync(file));
}
