import { PprofError } from '../../shared/pprof.error.js';
import type { CpuCapture } from '../capture/cpu.capturer.js';
import type { FlightRecorder, Recording } from '../capture/flight.recorder.js';
import { timelineOfSegments } from '../capture/recorded.window.js';
import { isSelected, MAIN_THREAD, type ThreadSelection } from '../capture/thread.selection.js';
import { labelledByStack } from '../pprof/handler.frames.js';
import { type Frame, type Profile, syntheticFrame } from '../pprof/profile.model.js';
import type { V8CpuNode, V8CpuProfile } from '../pprof/v8.profiles.js';
import { cpuSamplesOf } from './cpu.samples.js';
import { segmentsOf, sum } from './cpu.segment.js';
import { badValue, BadParameterError, singleThread } from './query.parameters.js';
import type { ProfileKind, Stretch } from './recording.kind.js';

const DEFAULT_SECONDS = 30;
const DEFAULT_HZ = 100;

/** @internal */
export const cpuProfile: ProfileKind = {
  name: 'profile',
  description:
    'CPU profile: where the threads spend CPU and wall time, sampled for the given seconds; idle time is left out.',
  parameters: {
    seconds: { kind: 'window', default: DEFAULT_SECONDS },
    hz: { default: DEFAULT_HZ },
    past: true,
    threads: true,
    route: true,
    labels: true,
    formats: ['pprof', 'text', 'markdown', 'cpuprofile'],
  },
  caveats: [
    'it counts time on a processor: what waits (`await`, I/O, timers) is not in it; `wall` in the pprof format also has synchronous calls that wait',
    'a line is where the function starts, and all that the function took is shown there',
    'a small function that V8 had inlined before is shown as its caller',
    '`(program)` is CPU time that no sample explains, `(garbage collector)` and `(non-JavaScript threads)` are the runtime',
  ],
  async captureV8(request, threads): Promise<V8CpuProfile> {
    const { seconds = DEFAULT_SECONDS, hz, past, threads: selection, signal } = request;
    if (past) {
      return v8ProfileOf(await readRecorder(past, selection, threads.recorder!));
    }
    const thread = singleThread(selection, 'format=cpuprofile');
    return threads.cpu.captureV8({ thread, seconds, hz, signal });
  },
  async capture(request, threads): Promise<Profile> {
    const { seconds = DEFAULT_SECONDS, hz, past, threads: selection, labels, signal } = request;
    let profile: Profile;
    if (past) {
      const recorder = threads.recorder!;
      const recording = await readRecorder(past, selection, recorder);
      profile = recordedProfile(recording, recorder, labels, past);
    } else {
      const capture = await threads.cpu.capture({ seconds, hz, threads: selection, labels, signal });
      profile = profileOf(capture, describeStart(capture, threads.recorder?.hz));
    }
    return labels ? { ...profile, ...(await labelledByStack(profile, threads.handlers)) } : profile;
  },
};

function profileOf(capture: CpuCapture, notes: readonly string[]): Profile {
  const { hz, startedAt, durationNanos } = capture;
  const { samples, comments } = cpuSamplesOf(capture);
  return {
    sampleTypes: [
      { type: 'samples', unit: 'count' },
      { type: 'wall', unit: 'nanoseconds' },
      { type: 'cpu', unit: 'nanoseconds' },
    ],
    periodType: { type: 'cpu', unit: 'nanoseconds' },
    period: Math.round(1e9 / hz),
    samples,
    startedAt,
    durationNanos,
    comments: [`sampling rate: ${hz} Hz`, ...notes, ...comments],
  };
}

/** Whether the sampler of the main thread was started for this capture. */
function describeStart(capture: CpuCapture, recorded: number | undefined): string[] {
  const [first] = segmentsOf(capture);
  if (!first) {
    return [];
  }
  const { startMillis, hz } = first;
  if (startMillis !== undefined) {
    const remedy =
      recorded === undefined ? '' : `; hz=${recorded}, the flight recorder's rate, does without a start`;
    return [
      `the sampler of main was cold: it was started for this, which held main up for ${Math.round(startMillis)} ms before the window${remedy}`,
    ];
  }
  const rate = recorded === hz ? "at the flight recorder's rate, " : '';
  const more =
    recorded === hz && hz < DEFAULT_HZ ? `; hz=${DEFAULT_HZ} has more samples, and starts it anew` : '';
  return [`the sampler of main was warm: it ran already, ${rate}nothing was started${more}`];
}

/**
 * What the flight recorder has of the stretch.
 *
 * @throws {BadParameterError} where that is nothing, {PprofError} where it cannot be read now.
 */
async function readRecorder(
  { from, to }: Stretch,
  selection: ThreadSelection,
  recorder: FlightRecorder,
): Promise<Recording> {
  if (!isSelected(selection, MAIN_THREAD)) {
    throw badValue('threads', 'must be main with "past", as the flight recorder keeps the main thread alone');
  }
  const recording = await recorder.read(from, to);
  const { segments, missing, unread } = recording;
  if (segments.length === 0 && unread !== undefined) {
    throw new PprofError(504, `nothing of ${inWords(from, to)} can be read now (${unread})`);
  }
  if (segments.length === 0) {
    const { kept } = recorder;
    throw new BadParameterError(
      `nothing is kept of ${inWords(from, to)}: ${kept ? `what is kept is from ${inWords(kept.from, kept.to)}` : 'nothing has been recorded yet'}` +
        (missing.length > 0 ? ` (${missing.join('; ')})` : ''),
    );
  }
  return recording;
}

/** What was recorded as a profile, as if it had been captured then. @internal */
export function recordedProfile(
  { segments, from, to, missing }: Recording,
  recorder: Pick<FlightRecorder, 'hz' | 'labels'>,
  labels: boolean,
  asked: Stretch,
): Profile {
  const own = segments.map(({ profilerCpuNanos }) => profilerCpuNanos);
  const capture: CpuCapture = {
    selection: [MAIN_THREAD.id],
    hz: recorder.hz,
    labels: labels && recorder.labels,
    threads: [{ by: 'agent', thread: MAIN_THREAD, segments }],
    skipped: [],
    ended: [],
    processCpuNanos: sum(segments.map(({ processCpuNanos }) => processCpuNanos)),
    profilerCpuNanos: own.includes(undefined) ? undefined : sum(own.map(Number)),
    startedAt: from,
    durationNanos: sum(segments.map(({ durationNanos }) => durationNanos)),
  };
  return profileOf(capture, [
    `recorded from ${inWords(from, to)}, as asked for at ${new Date().toISOString()} (${Math.round((asked.to - asked.from) / 1000)} s)`,
    ...missing.map((gap) => `missing: ${gap}`),
    'the flight recorder keeps the main thread alone: V8 can be asked for a worker only through its inspector, with a start each time',
  ]);
}

/** Samples one after the other, as V8 has them, with what the recorder cannot know of left out. */
function v8ProfileOf({ segments }: Recording): V8CpuProfile {
  const tree = new NodeTree();
  // Where the clock was set, two segments may be of one time.
  const timeline = timelineOfSegments(segments).toSorted((a, b) => a.from - b.from);
  const startTime = Math.round((segments[0]?.startedAt ?? 0) * 1000);
  const times = timeline.map(({ from }) => Math.round(from));
  return {
    nodes: tree.nodes,
    startTime,
    endTime: Math.round(timeline.at(-1)?.to ?? startTime),
    samples: timeline.map(({ stack }) => tree.nodeOf(stack.frames)),
    timeDeltas: times.map((time, index) => time - (times[index - 1] ?? startTime)),
  };
}

class NodeTree {
  readonly nodes: Array<V8CpuNode & { children: number[] }> = [];
  readonly #ids = new Map<string, number>();

  constructor() {
    this.#child(0, syntheticFrame('(root)'));
  }

  /** @param stack innermost frame first */
  nodeOf(stack: readonly Frame[]): number {
    return stack.reduceRight((parent, frame) => this.#child(parent, frame), 1);
  }

  #child(parent: number, { functionName, file, line, column }: Frame): number {
    const key = `${parent}\0${functionName}\0${file}\0${line}\0${column}`;
    const known = this.#ids.get(key);
    if (known !== undefined) {
      return known;
    }
    const id = this.nodes.length + 1;
    this.#ids.set(key, id);
    // V8 counts from 0, and has -1 for what is no code of a file.
    const callFrame = { functionName, url: file, lineNumber: line - 1, columnNumber: column - 1 };
    this.nodes.push({ id, callFrame, children: [] });
    this.nodes[parent - 1]?.children.push(id);
    return id;
  }
}

function inWords(from: number, to: number): string {
  return `${new Date(from).toISOString()} to ${new Date(to).toISOString()}`;
}
