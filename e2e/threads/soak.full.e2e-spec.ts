import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';
import { patience } from '../support/patience.js';

const SOAK = fileURLToPath(new URL('../soak/soak.mjs', import.meta.url));

/** Seconds in which threads come and go; what comes before and after takes about as long again. */
const SECONDS = 30;

interface SoakReport {
  readonly workers: Record<string, number>;
  readonly captures: Record<string, number>;
  readonly violations: string[];
}

it(
  'threads that come and go under captures of all kinds are not hurt',
  async () => {
    const stdout = await new Promise<string>((resolve) => {
      // It fails where there are violations, which its report tells better.
      execFile(process.execPath, [SOAK, '--minutes', String(SECONDS / 60)], (_error, output) =>
        resolve(output),
      );
    });
    const report = JSON.parse(stdout.trim().split('\n').at(-1)!) as SoakReport;
    expect(report.violations).toEqual([]);
    // It has not passed for want of workers, or of captures.
    expect(Object.entries(report.workers).filter(([, ended]) => ended === 0)).toEqual([]);
    expect(Object.keys(report.captures)).toEqual(
      expect.arrayContaining(['profile', 'heap', 'heapgc', 'goroutine', 'threadcreate', 'block']),
    );
  },
  patience(300_000),
);
