import type { Profile } from '../pprof/profile.model.js';
import { cpuSamplesOf } from './cpu.samples.js';
import { singleThread } from './query.parameters.js';
import type { ProfileKind, V8Profile } from './recording.kind.js';

const NANOS_PER_SECOND = 1e9;

const DEFAULT_SECONDS = 30;

/** @internal */
export const cpuProfile: ProfileKind = {
  name: 'profile',
  description:
    'CPU profile: where the threads spend CPU and wall time, sampled for the given seconds; idle time is left out.',
  parameters: {
    seconds: { kind: 'window', default: DEFAULT_SECONDS },
    hz: { default: 100 },
    threads: true,
    labels: true,
    gc: false,
    debug: false,
    formats: ['pprof', 'text', 'cpuprofile'],
  },
  async captureV8(
    { seconds = DEFAULT_SECONDS, hz, threads: selection, signal },
    threads,
  ): Promise<V8Profile> {
    const thread = singleThread(selection, 'format=cpuprofile');
    return { v8: 'cpuprofile', profile: await threads.v8.captureCpuProfile({ thread, seconds, hz, signal }) };
  },
  async capture(
    { seconds = DEFAULT_SECONDS, hz, threads: selection, labels, signal },
    threads,
  ): Promise<Profile> {
    const capture = await threads.captureCpu({ seconds, hz, threads: selection, labels, signal });
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
