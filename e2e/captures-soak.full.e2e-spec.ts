import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';
import { AppProcess } from './support/app.process.js';

/** What captures.mjs tells of the process after so many captures. */
interface Look {
  readonly rssMb: number;
  readonly mainHeapMb: number;
  readonly profilerHeapMb: number;
  readonly files: number;
  readonly mainResources: number;
  readonly profilerResources: number;
  readonly sessions: number;
  readonly samplerRuns: boolean;
  readonly samples: number;
  readonly skipped: readonly string[];
}

/** Without the end of its session, each capture would leave half a megabyte in the worker thread that it looked at. */
const CAPTURES = 200;
const GROWTH_MB = 60;

it(`${CAPTURES} captures, one after the other, leave nothing behind`, async () => {
  const script = fileURLToPath(new URL('soak/captures.mjs', import.meta.url));
  const soak = new AppProcess(script, {
    args: ['--captures', String(CAPTURES), '--milliseconds', '25', '--looks', '2'],
  });
  expect({ ...(await soak.exited), output: soak.output }).toMatchObject({ code: 0 });
  const json = soak.output.split('\n').find((line) => line.startsWith('{"node"')) ?? '';
  const { first, last } = JSON.parse(json) as { first: Look; last: Look };
  expect(last).toMatchObject({
    files: first.files,
    mainResources: first.mainResources,
    profilerResources: first.profilerResources,
    sessions: 0,
    samplerRuns: false,
    skipped: [],
  });
  expect(last.samples).toBeGreaterThan(0);
  expect(last.rssMb - first.rssMb).toBeLessThan(GROWTH_MB);
  expect(last.mainHeapMb - first.mainHeapMb).toBeLessThan(3);
  expect(last.profilerHeapMb - first.profilerHeapMb).toBeLessThan(3);
});
