import { beforeAll, describe, expect, it } from '@jest/globals';
import { itExhaustive, rowsOf } from '../../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { describeWithQuota, launcherWith } from '../support/quota.tool.js';
import { expectRight } from '../support/right.figures.js';
import { samplingError } from '../support/sampling.error.js';
import type { Job } from './load.driver.js';
import { noteTruth } from './truth.table.js';
import { type Measured, TurnsApp } from './turns.app.js';

let app: TurnsApp;

beforeAll(async () => {
  app = await TurnsApp.start();
});

function millis(value: number): string {
  return `${Math.round(value)} ms`;
}

/** @param what a line of the table */
function expectSumOfClock({ said, kernel }: Measured, what?: string): void {
  // The window of a profile is told in whole milliseconds.
  const isRight = Math.abs(said.total - kernel.used) <= 0.05 * kernel.used + kernel.error + 5;
  expectRight(isRight, { said: said.total, kernel });
  if (what !== undefined) {
    noteTruth({
      what,
      said: millis(said.total),
      truth: millis(kernel.used),
      tolerance: `5 % + ${millis(kernel.error + 5)} at the edges`,
    });
  }
}

/** The share of `alpha` in what both functions used, by the profile and by the program. */
function expectShare(measured: Measured, what: string): void {
  const { said, done, samples } = measured;
  const share = said.alpha / (said.alpha + said.beta);
  const truth = done.alpha / (done.alpha + done.beta);
  const count = samples.alpha + samples.beta;
  const tolerance = samplingError(truth, count);
  const isRight = Math.abs(share - truth) < tolerance;
  expectRight(isRight, { share, truth, count, said, done });
  noteTruth({
    what,
    said: `${(100 * share).toFixed(1)} %`,
    truth: `${(100 * truth).toFixed(1)} %`,
    tolerance: `${(100 * tolerance).toFixed(0)} points: ${count} samples`,
  });
}

const ALL_LOADS = [
  { turns: 0.2, utilization: 0.05 },
  { turns: 0.2, utilization: 0.4 },
  { turns: 1, utilization: 0.01 },
  { turns: 1, utilization: 0.2 },
  { turns: 10, utilization: 0.3 },
  { turns: 100, utilization: 0.6 },
];
const LOADS = rowsOf('a load of', ALL_LOADS, ({ utilization }) => utilization === 0.2);

describe.each(LOADS)('turns of $turns ms that take $utilization of a processor', ({ turns, utilization }) => {
  it('have the CPU time of the kernel, most of it where it was used', async () => {
    const jobs: Job[] = [{ name: 'alpha', millis: turns }];
    const measured = await app.measure(jobs, utilization, 'seconds=5');
    const { said, kernel, done, samples } = measured;
    expectSumOfClock(
      measured,
      `CPU of main, turns of ${turns} ms, ${Math.round(utilization * 100)} % of a processor`,
    );
    // Each hit is a draw: five standard deviations. And where others have the processors, the sampler may get one only when a
    // turn has ended, or a turn that waits for one is hit meanwhile.
    const hits = Math.max(1, samples.alpha);
    const tolerance = Math.max(0.2, 5 / Math.sqrt(hits));
    const off = Math.abs(said.alpha - done.alpha);
    const isRight = off <= tolerance * done.alpha + 2 * turns + kernel.error + kernel.waited;
    expectRight(isRight, { alpha: said.alpha, done: done.alpha, hits, kernel });
    noteTruth({
      what: `of it, in the function that has used it`,
      said: millis(said.alpha),
      truth: millis(done.alpha),
      tolerance: `${Math.round(100 * tolerance)} %: ${hits} samples; ${millis(kernel.waited)} without a processor`,
    });
  });
});

describe('two functions', () => {
  it('that use 3:1 in turns of 0.3 ms come out 3:1', async () => {
    const jobs: Job[] = [
      { name: 'alpha', millis: 0.3, times: 3 },
      { name: 'beta', millis: 0.3 },
    ];
    const measured = await app.measure(jobs, 0.4, 'seconds=8');
    expectSumOfClock(measured);
    expectShare(measured, 'CPU of a function that has three quarters, in turns of 0.3 ms');
  });

  itExhaustive(
    'that use the same, one in turns of 40 ms and one in turns of half a millisecond, come out half and half',
    async () => {
      const jobs: Job[] = [
        { name: 'alpha', millis: 40 },
        { name: 'beta', millis: 0.5, times: 80 },
      ];
      const measured = await app.measure(jobs, 0.4, 'seconds=8');
      expectSumOfClock(measured);
      expectShare(
        measured,
        'CPU of a function that has half, in turns of 40 ms (the other half: turns of 0.5 ms)',
      );
    },
  );
});

describe('captures at the same time, at different rates', () => {
  itExhaustive('each have the CPU time of the kernel, and the samples of their own rate', async () => {
    const jobs: Job[] = [{ name: 'alpha', millis: 2 }];
    const [slow, fast] = await Promise.all([
      app.measure(jobs, 0.2, 'seconds=5&hz=50'),
      app.measure(jobs, 0.2, 'seconds=3&hz=500'),
    ]);
    expectSumOfClock(slow);
    expectSumOfClock(fast);
    for (const [{ said, samples }, hz] of [
      [slow, 50],
      [fast, 500],
    ] as const) {
      // No more than the clock, and no more than the samples have seen.
      expect(said.alpha).toBeLessThan((1.2 * 1000 * samples.alpha) / hz + 1000 / hz);
    }
  });
});

describeWithQuota('a fifth of a processor', () => {
  itExhaustive('is what the profile says, and 3:1 comes out 3:1', async () => {
    const small = await TurnsApp.start({}, launcherWith({ cpus: 0.2, memory: '512M' }));
    const jobs: Job[] = [
      { name: 'alpha', millis: 3, times: 3 },
      { name: 'beta', millis: 3 },
    ];
    const measured = await small.measure(jobs, 0.5, 'seconds=10');
    expectSumOfClock(measured, 'CPU of main with a fifth of a processor, more to do than that');
    expectShare(measured, 'CPU of a function that has three quarters there');
  });
});
