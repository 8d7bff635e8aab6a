import { expect, it } from '@jest/globals';
import { request } from '../support/http.request.js';
import { windowOf } from '../support/patience.js';
import { decodeProfile, type DecodedProfile, takeProfile } from '../support/pprof.profile.js';
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

/** Of an application that leaks so much within the window. */
async function takeDifference(megabytes: number): Promise<{ grown: number; after: number }> {
  const app = await TurnsApp.start();
  const url = `${app.origin}/debug/pprof/heap?threads=main&gc=1`;
  expect(leaked(await takeProfile(url))).toBe(0);
  const reads = await app.process.call<number>('heapReads');
  let isAnswered = false;
  const asked = request(`${url}&seconds=${windowOf(3)}`).finally(() => (isAnswered = true));
  // The first moment has been, which may be late; where it was read in another way, that is answered.
  await app.process.until<number>('heapReads', (now) => now > reads || isAnswered);
  await app.process.call('leak', { megabytes, arrays: 1024 });
  const { status, text, body } = await asked;
  if (status === 409 && text.includes('ask again')) {
    // A main thread that had no processor at one of the two moments was read in another way.
    await app.process.kill();
    return takeDifference(megabytes);
  }
  expect({ status, text: status === 200 ? '' : text }).toEqual({ status: 200, text: '' });
  return { grown: leaked(decodeProfile(body)), after: leaked(await takeProfile(url)) };
}

it('a leak of a known size is found, in the function that leaks, and in the difference of two profiles', async () => {
  const megabytes = 96;
  const { grown, after } = await takeDifference(megabytes);
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
