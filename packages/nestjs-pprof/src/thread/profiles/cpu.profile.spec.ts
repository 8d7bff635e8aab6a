import { describe, expect, it } from '@jest/globals';
import type { ApplicationThreads } from '../capture/application.threads.js';
import type { Recording } from '../capture/flight.recorder.js';
import { cpuProfile } from './cpu.profile.js';
import type { ProfileRequest } from './recording.kind.js';

function read(recording: Partial<Recording>) {
  const recorder = {
    read: () => Promise.resolve({ segments: [], from: 1000, to: 2000, missing: [], ...recording }),
    kept: { from: 0, to: 500 },
  };
  const request = { past: { from: 1000, to: 2000 }, threads: [0] } as unknown as ProfileRequest;
  return cpuProfile.capture(request, { recorder } as unknown as ApplicationThreads);
}

describe('profile, of what the flight recorder keeps', () => {
  it('refuses a stretch of which nothing is kept, and says what is', async () => {
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
