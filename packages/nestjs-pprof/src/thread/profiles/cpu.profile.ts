import type { CpuCapture } from '../capture/cpu.capturer.js';
import type { Profile } from '../pprof/profile.model.js';
import { cpuSamplesOf } from './cpu.samples.js';
import { withLabelsOfStacks } from './sample.labels.js';
import { singleThread } from './query.parameters.js';
import { captureOf, describeRecording, readRecorder, v8ProfileOf } from './cpu.recording.js';
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
    past: true,
    threads: true,
    route: true,
    labels: true,
    gc: false,
    debug: false,
    formats: ['pprof', 'text', 'markdown', 'cpuprofile'],
  },
  caveats: [
    'it counts time on a processor: what waits (`await`, I/O, timers) is not in it; `wall` in the pprof format also has synchronous calls that wait',
    'a line is where the function starts, and all that the function took is shown there',
    'a small function that V8 had inlined before is shown as its caller',
    '`(program)` is CPU time that no sample explains, `(garbage collector)` and `(non-JavaScript threads)` are the runtime',
  ],
  async captureV8(
    { seconds = DEFAULT_SECONDS, hz, past, threads: selection, signal },
    threads,
  ): Promise<V8Profile> {
    if (past) {
      const { segments } = await readRecorder(past, selection, threads);
      return { v8: 'cpuprofile', profile: v8ProfileOf(segments) };
    }
    const thread = singleThread(selection, 'format=cpuprofile');
    return { v8: 'cpuprofile', profile: await threads.cpu.captureV8({ thread, seconds, hz, signal }) };
  },
  async capture(request, threads): Promise<Profile> {
    const { seconds = DEFAULT_SECONDS, hz, past, threads: selection, labels, signal } = request;
    if (past) {
      const recording = await readRecorder(past, selection, threads);
      const recorded = captureOf(recording, threads.recorder!, labels);
      const profile = cpuProfileOf(recorded, hz, describeRecording(recording, past));
      return { ...profile, ...(await withLabelsOfStacks(profile, labels, threads)) };
    }
    const capture = await threads.cpu.capture({ seconds, hz, threads: selection, labels, signal });
    const profile = cpuProfileOf(capture, hz, describeStart(capture, threads.recorder?.hz));
    return { ...profile, ...(await withLabelsOfStacks(profile, labels, threads)) };
  },
};

/** @internal */
export function cpuProfileOf(capture: CpuCapture, hz: number, notes: readonly string[]): Profile {
  const { startedAt, durationNanos } = capture;
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
    startedAt,
    durationNanos,
    comments: [`sampling rate: ${hz} Hz`, ...notes, ...comments],
  };
}

/** Whether the sampler of the main thread was started for this capture. */
function describeStart({ threads }: CpuCapture, recorded: number | undefined): string[] {
  const [first] = threads.flatMap((thread) => (thread.way === 'agent' ? thread.segments : []));
  if (!first) {
    return [];
  }
  const { startMillis } = first;
  if (startMillis === undefined) {
    return [
      recorded === first.hz
        ? "the sampler of main was warm: it ran already, at the flight recorder's rate, nothing was started; hz=100 has more samples, and starts it anew"
        : 'the sampler of main was warm: it ran already, nothing was started',
    ];
  }
  const remedy =
    recorded === undefined ? '' : `; hz=${recorded}, the flight recorder's rate, does without a start`;
  return [
    `the sampler of main was cold: it was started for this, which held main up for ${Math.round(startMillis)} ms before the window${remedy}`,
  ];
}
