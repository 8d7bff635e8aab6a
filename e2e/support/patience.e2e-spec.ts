import { spawnSync } from 'node:child_process';
import { expect, it } from '@jest/globals';
import { burnRound, meanOfLast } from './patience.js';

/** Both by the CPU time they take: who else is busy on the machine does not matter. */
const ROUNDS = 300;

function cpuOf(task: () => void): number {
  const before = process.cpuUsage();
  task();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

it('measures the machine, and not the contexts that Jest runs tests in', () => {
  const burn = (): void => {
    for (let i = 0; i < ROUNDS; i += 1) {
      burnRound();
    }
  };
  burn();
  const here = cpuOf(burn);
  const { stdout } = spawnSync(
    process.execPath,
    [
      '--print',
      `const { imul } = Math;
       const burnRound = ${burnRound.toString()};
       const burn = () => { for (let i = 0; i < ${ROUNDS}; i += 1) burnRound(); };
       burn();
       const before = process.cpuUsage();
       burn();
       const { user, system } = process.cpuUsage(before);
       user + system`,
    ],
    { encoding: 'utf8' },
  );
  const there = Number(stdout);
  expect(there).toBeGreaterThan(0);
  // Where each look at a global goes through the context, it is more than a hundred times as much.
  expect(here / there).toBeLessThan(10);
});

it('takes the last five measurements together', () => {
  expect(meanOfLast('4\n')).toBe(4);
  expect(meanOfLast('100\n4\n16\n4\n16\n10\n')).toBe(10);
});
