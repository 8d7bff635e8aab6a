import { PprofError } from '../../shared/pprof.error.js';
import type { ApplicationThreads } from '../capture/application.threads.js';
import type { CpuCapture } from '../capture/cpu.capturer.js';
import type { FlightRecorder, Recording } from '../capture/flight.recorder.js';
import { timelineOfSegments } from '../capture/recorded.window.js';
import { isSelected, MAIN_THREAD, type ThreadSelection } from '../capture/thread.selection.js';
import { type Frame, syntheticFrame } from '../pprof/profile.model.js';
import type { V8CpuNode, V8CpuProfile } from '../pprof/v8.profiles.js';
import { BadParameterError, NotEnabledError, type Stretch } from './query.parameters.js';

/**
 * What the flight recorder has of the stretch.
 *
 * @throws {BadParameterError} where that is nothing, {PprofError} where it cannot be read now.
 * @internal
 */
export async function readRecorder(
  { from, to }: Stretch,
  selection: ThreadSelection,
  { recorder }: ApplicationThreads,
): Promise<Recording> {
  if (!recorder) {
    throw new NotEnabledError('the flight recorder is off');
  }
  if (!isSelected(selection, MAIN_THREAD)) {
    throw new BadParameterError(
      'invalid value for "threads" - must be main with "past", as the flight recorder keeps the main thread alone',
    );
  }
  const recording = await recorder.read(from, to);
  const { unread } = recording;
  if (recording.segments.length === 0 && unread !== undefined) {
    throw new PprofError(504, `nothing of ${inWords(from, to)} can be read now (${unread})`);
  }
  if (recording.segments.length === 0) {
    const { kept } = recorder;
    throw new BadParameterError(
      `nothing is kept of ${inWords(from, to)}: ${kept ? `what is kept is from ${inWords(kept.from, kept.to)}` : 'nothing has been recorded yet'}` +
        (recording.missing.length > 0 ? ` (${recording.missing.join('; ')})` : ''),
    );
  }
  return recording;
}

/** As if it had been captured then. @internal */
export function captureOf(
  { segments, from }: Recording,
  recorder: Pick<FlightRecorder, 'hz' | 'labels'>,
  labels: boolean,
): CpuCapture {
  const own = segments.map(({ profilerCpuNanos }) => profilerCpuNanos);
  return {
    selection: 'main',
    hz: recorder.hz,
    labels: labels && recorder.labels,
    threads: [{ way: 'agent', thread: MAIN_THREAD, segments }],
    skipped: [],
    ended: [],
    processCpuNanos: sum(segments.map(({ processCpuNanos }) => processCpuNanos)),
    profilerCpuNanos: own.includes(undefined) ? undefined : sum(own.map(Number)),
    startedAt: from,
    durationNanos: sum(segments.map(({ durationNanos }) => durationNanos)),
  };
}

/** @internal */
export function describeRecording({ from, to, missing }: Recording, asked: Stretch): string[] {
  return [
    `recorded from ${inWords(from, to)}, as asked for at ${new Date().toISOString()} (${Math.round((asked.to - asked.from) / 1000)} s)`,
    ...missing.map((gap) => `missing: ${gap}`),
    'the flight recorder keeps the main thread alone: V8 can be asked for a worker only through its inspector, with a start each time',
  ];
}

/** Samples one after the other, as V8 has them, with what the recorder cannot know of left out. @internal */
export function v8ProfileOf(segments: Recording['segments']): V8CpuProfile {
  const tree = new NodeTree();
  const timeline = timelineOfSegments(segments);
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

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
