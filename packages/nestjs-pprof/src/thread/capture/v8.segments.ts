import { ROTATING, type V8CpuNode, type V8CpuProfile } from '../pprof/v8.profiles.js';

/** A piece of V8's profile of a thread, from one rotation to the next. @internal */
export interface V8Segment {
  readonly profile: V8CpuProfile;
  /** Samples per second that V8 was asked for. */
  readonly hz: number;
  /** How long after its first sample it counts, in microseconds: before that the thread was being made visible. */
  readonly settlingMicros: number;
}

/** What of the segments is asked for. */
interface V8Window {
  /** Length from the first sample on; what the thread was late to hand over is left out. */
  readonly millis: number;
  /** Samples per second: what was sampled faster, as another capture asked for it, is thinned out. */
  readonly hz: number;
}

const ROOT_ID = 1;
const ROTATING_ID = 2;

interface Point {
  readonly time: number;
  readonly node: number;
}

/** Joins segments into one profile of a window, by V8's clock alone: others differ (on macOS, where it has slept). @internal */
export function joinSegments(segments: readonly V8Segment[], { millis, hz }: V8Window): V8CpuProfile {
  const nodes: V8CpuNode[] = [];
  const topLevel: number[] = [ROTATING_ID];
  const points: Point[] = [];
  let offset = ROTATING_ID;
  let end = 0;
  for (const { profile, ...segment } of segments) {
    const renumber = (id: number) => id + offset;
    const [root, ...others] = profile.nodes;
    // One by one: a long profile has more than a call can have arguments.
    root?.children?.forEach((id) => topLevel.push(renumber(id)));
    let highest = offset;
    for (const node of others) {
      const id = renumber(node.id);
      highest = Math.max(highest, id);
      nodes.push({ ...node, id, ...(node.children && { children: node.children.map(renumber) }) });
    }
    for (const { time, node } of pointsOf(profile, segment, hz)) {
      points.push({ time, node: renumber(node) });
    }
    end = profile.endTime;
    points.push({ time: end, node: ROTATING_ID });
    offset = highest;
  }
  const begin = points[0]?.time ?? end;
  const until = Math.min(end, begin + millis * 1000);
  const inWindow = points.filter(({ time }) => time < until);
  return {
    nodes: [
      { id: ROOT_ID, callFrame: markNamed('(root)'), children: topLevel },
      { id: ROTATING_ID, callFrame: markNamed(ROTATING) },
      ...withHits(nodes, inWindow),
    ],
    startTime: begin,
    endTime: until,
    samples: inWindow.map(({ node }) => node),
    timeDeltas: inWindow.map(({ time }, index) => time - (inWindow[index - 1]?.time ?? begin)),
  };
}

/** The samples that count, as many as there would be at this rate. A sample stands for the time until the next one. */
function pointsOf(
  { startTime, endTime, samples, timeDeltas }: V8CpuProfile,
  segment: Omit<V8Segment, 'profile'>,
  hz: number,
): Point[] {
  let time = startTime;
  const all = samples.map((node, index) => ({ time: (time += timeDeltas[index] ?? 0), node }));
  const settled = Math.min((all[0]?.time ?? startTime) + segment.settlingMicros, endTime);
  const lastBefore = all.findLastIndex((point) => point.time <= settled);
  const counted = all
    .slice(Math.max(0, lastBefore))
    .map((point) => ({ ...point, time: Math.max(point.time, settled) }));
  if (segment.hz <= hz) {
    return counted;
  }
  const interval = 1e6 / hz;
  let due = settled;
  return counted.filter((point) => {
    // V8 is never on time to the microsecond.
    const isDue = point.time >= due - 0.5e6 / segment.hz;
    if (isDue) {
      due = Math.max(due + interval, point.time);
    }
    return isDue;
  });
}

function withHits(nodes: readonly V8CpuNode[], points: readonly Point[]): V8CpuNode[] {
  const hits = new Map<number, number>();
  points.forEach(({ node }) => hits.set(node, (hits.get(node) ?? 0) + 1));
  return nodes.map((node) => ({ ...node, hitCount: hits.get(node.id) ?? 0 }));
}

function markNamed(functionName: string) {
  return { functionName, scriptId: '0', url: '', lineNumber: -1, columnNumber: -1 };
}
