import { describe, expect, it } from '@jest/globals';
import type { ApplicationThreads } from '../capture/application.threads.js';
import type { Recording } from '../capture/flight.recorder.js';
import { cpuProfile } from './cpu.profile.js';
import type { ProfileRequest } from './recording.kind.js';

function read(recording: Partial<Recording>, past = { from: 1000, to: 2000 }) {
  const recorder = {
    read: () => Promise.resolve({ segments: [], ...past, missing: [], ...recording }),
    kept: { from: 0, to: 500 },
  };
  const request = { past, threads: [0] } as unknown as ProfileRequest;
  return cpuProfile.capture(request, { recorder } as unknown as ApplicationThreads);
}

describe('profile, of what the flight recorder keeps', () => {
  it.each([
    { name: 'older than all that is kept', past: { from: -2000, to: -1000 } },
    { name: 'still to come', past: { from: Date.now() + 3_600_000, to: Date.now() + 3_601_000 } },
  ])('refuses a stretch that is $name', async ({ past }) => {
    await expect(read({}, past)).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(
        /^nothing is kept of .*: what is kept is from 1970-01-01T00:00:00.000Z /,
      ),
    });
  });

  it('says what was in the way in a stretch of which nothing is kept', async () => {
    await expect(read({ missing: ['since then: switched off'] })).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(
        /^nothing is kept of .*: what is kept is from 1970-01-01T00:00:00.000Z to .*00.500Z \(since then: switched off\)$/,
      ),
    });
  });

  it('has none yet of a stretch that the main thread does not hand over: that is no fault of who asks', async () => {
    await expect(read({ unread: 'it can be read later, main does not answer' })).rejects.toMatchObject({
      status: 504,
      message:
        'nothing of 1970-01-01T00:00:01.000Z to 1970-01-01T00:00:02.000Z can be read now (it can be read later, main does not answer)',
    });
  });
});
