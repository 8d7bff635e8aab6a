import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rowsOf } from '../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { type AppProcess, killProcesses } from './support/app.process.js';
import { profilerOf, startFixture } from './support/fixture.app.js';
import { type DecodedProfile, flat, takeProfile } from './support/pprof.profile.js';
import { expectRight } from './support/right.figures.js';
import { samplingError } from './support/sampling.error.js';

const SAMPLE_TYPES = ['samples/count', 'wall/nanoseconds', 'cpu/nanoseconds'];

/** With far fewer, the tolerance would excuse anything. A busy machine may not give that many in one profile. */
const ENOUGH_SAMPLES = 300;

/** Profiles of the fixture until they have enough samples together. */
async function takeProfiles(url: string, functions: RegExp): Promise<DecodedProfile[]> {
  const profiles: DecodedProfile[] = [];
  while (sum(profiles.map((profile) => flat(profile, 'samples/count', functions))) < ENOUGH_SAMPLES) {
    profiles.push(await takeProfile(url));
  }
  return profiles;
}

/** CPU milliseconds that the program itself says it has used in the window of the profile. */
async function usedDuring({ startedAt, durationMillis }: DecodedProfile, app: AppProcess): Promise<number> {
  const to = startedAt + durationMillis;
  await app.until<number>('accountUntil', (at) => at > to);
  return app.call<number>('cpuMillis', { from: startedAt, to });
}

const MIXES = [
  { ratio: '3:1', calls: [3, 1], rates: [100] },
  { ratio: '60/30/10', calls: [6, 3, 1], rates: [100, 1000] },
];

describe.each(rowsOf('functions of equal cost', MIXES, ({ calls }) => calls.length === 3))(
  'functions of equal cost, called in the ratio $ratio',
  ({ calls, rates }) => {
    let app: AppProcess;
    let url: string;

    beforeAll(async () => {
      app = startFixture('work-mix', {}, { args: calls.map(String) });
      url = await profilerOf(app);
    });

    afterAll(killProcesses);

    it.each(rates)(
      'are reported in that ratio at %i Hz, and the total is the CPU time that the process used',
      async (hz) => {
        const names = ['first', 'second', 'third'].slice(0, calls.length);
        const allFunctions = new RegExp(`^(${names.join('|')}) `);
        const profiles = await takeProfiles(`${url}/debug/pprof/profile?seconds=4&hz=${hz}`, allFunctions);

        const total = (sampleType: string, functions: RegExp) =>
          sum(profiles.map((profile) => flat(profile, sampleType, functions)));
        const samples = total('samples/count', allFunctions);
        for (const sampleType of SAMPLE_TYPES) {
          for (const [index, name] of names.entries()) {
            const expected = calls[index]! / sum(calls);
            const share = total(sampleType, new RegExp(`^${name} `)) / total(sampleType, allFunctions);
            const isWithinError = Math.abs(share - expected) < samplingError(expected, samples);
            expectRight(isWithinError, { sampleType, name, expected, share, samples });
          }
        }

        for (const profile of profiles) {
          const used = await usedDuring(profile, app);
          // The profile leaves out what the profiler itself used in the window: its start and stop on the main thread, and
          // its own thread. That is some ten milliseconds, or a few per cent at 1000 Hz.
          expect(Math.abs(flat(profile, 'cpu/nanoseconds') / 1e6 - used)).toBeLessThan(0.04 * used + 60);
          // And not just because CPU time that no sample accounts for is added: most of it is where it was spent. On a quiet
          // machine more than 95 % of it is.
          expect(flat(profile, 'cpu/nanoseconds', allFunctions) / 1e6).toBeGreaterThan(0.5 * used);
        }
      },
    );
  },
);

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
