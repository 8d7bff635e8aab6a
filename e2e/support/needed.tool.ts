import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe } from '@jest/globals';

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
  if (isFound || process.env.CI === 'true') {
    describe(name, suite);
  } else {
    describe.skip(`${name} (skipped: ${tool} not found)`, suite);
    // Jest keeps quiet about a file of which all is skipped.
    process.stderr.write(`${name}\n  ○ skipped: ${tool} not found (${remedy})\n`);
  }
}

/** Absolute path of a program, in PATH or in further directories; undefined where there is none. */
export function findProgram(name: string, ...directories: string[]): string | undefined {
  return [...(process.env.PATH ?? '').split(delimiter), ...directories]
    .map((directory) => join(directory, name))
    .find((file) => existsSync(file));
}
