import { expect, it } from '@jest/globals';
import { type DecodedProfile, takeProfile } from '../support/pprof.profile.js';
import { expectRight } from '../support/right.figures.js';
import { noteTruth } from './truth.table.js';
import { TurnsApp } from './turns.app.js';

const MEGABYTE = 1024 * 1024;

/** V8 samples one allocation in so many bytes, on average: what is seen is a number of draws. */
const SAMPLED_EVERY = 512 * 1024;

function leaked({ samples, sampleTypes }: DecodedProfile): number {
  const index = sampleTypes.indexOf('inuse_space/bytes');
  const ofLeak = samples.filter(({ stack }) => stack.some(({ name }) => /^leak\b/.test(name)));
  return ofLeak.reduce((sum, { values }) => sum + values[index]!, 0) / MEGABYTE;
}

it('a leak of a known size is found, in the function that leaks, and in the difference of two profiles', async () => {
  const app = await TurnsApp.start();
  const url = `${app.origin}/debug/pprof/heap?threads=main&gc=1`;
  const megabytes = 96;
  const before = leaked(await takeProfile(url));
  const difference = takeProfile(`${app.origin}/debug/pprof/heap?threads=main&gc=1&seconds=3`);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await app.process.call('leak', { megabytes, arrays: 1024 });
  const grown = leaked(await difference);
  const after = leaked(await takeProfile(url));
  expect(before).toBe(0);
  const samples = (megabytes * MEGABYTE) / SAMPLED_EVERY;
  const tolerance = 5 / Math.sqrt(samples);
  for (const [what, said] of [
    ['a leak, in heap', after],
    ['the same, in the difference of a window', grown],
  ] as const) {
    const isRight = Math.abs(said - megabytes) <= tolerance * megabytes;
    expectRight(isRight, { what, said });
    noteTruth({
      what,
      said: `${said.toFixed(1)} MB`,
      truth: `${megabytes} MB`,
      tolerance: `${Math.round(100 * tolerance)} %: some ${samples} samples`,
    });
  }
});
