import type { Profile } from '../pprof/profile.model.js';
import { cpuSamplesOf } from './cpu.samples.js';
import type { ProfileKind } from './profile.kind.js';

const NANOS_PER_SECOND = 1e9;

/** @internal */
export const cpuProfile: ProfileKind = {
  name: 'profile',
  description:
    'CPU profile: where the threads spend CPU and wall time, sampled for the given seconds; idle time is left out.',
  parameters: {
    seconds: { kind: 'window', default: 30 },
    hz: { default: 100 },
    threads: true,
    gc: false,
    debug: false,
    formats: ['pprof', 'text', 'cpuprofile'],
  },
  async capture({ seconds = 30, hz, threads: selection, signal }, threads): Promise<Profile> {
    const capture = await threads.captureCpu({ seconds, hz, threads: selection, signal });
    const { samples, comments } = cpuSamplesOf(capture);
    return {
      sampleTypes: [
        { type: 'samples', unit: 'count' },
        { type: 'wall', unit: 'nanoseconds' },
        { type: 'cpu', unit: 'nanoseconds' },
      ],
      periodType: { type: 'cpu', unit: 'nanoseconds' },
      period: Math.round(NANOS_PER_SECOND / hz),
      samples,
      startedAt: capture.startedAt,
      durationNanos: capture.durationNanos,
      comments: [`sampling rate: ${hz} Hz`, ...comments],
    };
  },
};
