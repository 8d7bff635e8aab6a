import { decodeAddonProfile } from '../pprof/addon-profile.decoder.js';
import { type Profile, type StackSample, syntheticFrame } from '../pprof/profile.model.js';
import type { MeasuredSegment } from '../threads/shared-cpu.sampler.js';
import { withoutOwnFrames } from './own-frames.js';
import type { ProfileKind } from './profile.kind.js';

const NANOS_PER_SECOND = 1e9;

/** Native code that V8 does not attribute to a function: the event loop itself, system calls, parsing, compiling. */
const PROGRAM = syntheticFrame('(program)');
const NON_JAVASCRIPT_THREADS = '(non-JavaScript threads)';
const IDLE = '(idle)';

/** @internal */
export const cpuProfile: ProfileKind = {
  name: 'profile',
  description:
    'CPU profile: where the threads spend CPU and wall time, sampled for the given seconds; idle time is left out.',
  parameters: {
    seconds: { kind: 'window', default: 30 },
    hz: { default: 100 },
    gc: false,
    debug: false,
    formats: ['pprof', 'text'],
  },
  async capture({ seconds = 30, hz, signal }, threads): Promise<Profile> {
    const segments = await threads.main.captureCpu({ seconds, hz, signal });
    const [first] = segments;
    const durationNanos = sum(segments.map((segment) => segment.durationNanos));
    const parts = segments.map(samplesOf);
    return {
      sampleTypes: [
        { type: 'samples', unit: 'count' },
        { type: 'wall', unit: 'nanoseconds' },
        { type: 'cpu', unit: 'nanoseconds' },
      ],
      periodType: { type: 'cpu', unit: 'nanoseconds' },
      period: Math.round(NANOS_PER_SECOND / (first?.hz ?? hz)),
      samples: parts.flatMap((part) => part.samples),
      startedAt: first?.startedAt ?? Date.now(),
      durationNanos,
      comments: [
        `sampling rate: ${[...new Set(segments.map((segment) => segment.hz))].join(' and ')} Hz`,
        'threads: main (by its agent)',
        ...comments(segments, parts),
      ],
    };
  },
};

interface SegmentSamples {
  readonly samples: readonly StackSample[];
  readonly unattributedNanos: number;
}

function samplesOf(segment: MeasuredSegment): SegmentSamples {
  const addonProfile = decodeAddonProfile(segment.profile);
  const { durationNanos, processCpuNanos, profilerCpuNanos = 0, hasCpuTime } = segment;
  // The addon spreads its own start-up time over the samples' wall time; what each stands for is the real window's share.
  const wallScale =
    addonProfile.durationNanos > 0 ? Math.min(1, durationNanos / addonProfile.durationNanos) : 1;
  const samples: StackSample[] = [];
  for (const { stack, values } of withoutOwnFrames(addonProfile.samples)) {
    const [count = 0, wall = 0, cpu = 0] = values;
    const leaf = stack[0]?.functionName;
    const ownShare = leaf === NON_JAVASCRIPT_THREADS ? Math.min(cpu, profilerCpuNanos) : 0;
    if (leaf !== IDLE) {
      samples.push({ stack, values: [count, Math.round(wall * wallScale), cpu - ownShare] });
    }
  }
  const attributed = sum(addonProfile.samples.map(({ values }) => values[2] ?? 0));
  const unattributedNanos = hasCpuTime ? Math.max(0, processCpuNanos - attributed) : 0;
  if (unattributedNanos > 0) {
    samples.push({ stack: [PROGRAM], values: [0, 0, unattributedNanos] });
  }
  return { samples, unattributedNanos };
}

function comments(segments: readonly MeasuredSegment[], parts: readonly SegmentSamples[]): string[] {
  const result: string[] = [];
  if (segments.some((segment) => !segment.hasCpuTime)) {
    result.push('cpu is 0: this platform has no CPU clock per sample');
  }
  if (segments.some((segment) => segment.profilerCpuNanos === undefined)) {
    result.push(
      `${NON_JAVASCRIPT_THREADS} includes the profiling thread, whose CPU time cannot be measured here`,
    );
  }
  if (parts.some((part) => part.unattributedNanos > 0)) {
    result.push(
      `${PROGRAM.functionName} is CPU time of the process that no sample accounts for; its samples and wall time are not known`,
    );
  }
  return result;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
