import type { StackSample } from './profile.model.js';
import type { CodePosition } from './source-maps.js';

/**
 * V8's own CPU profile, as `.cpuprofile` files hold it.
 * https://chromedevtools.github.io/devtools-protocol/v8/Profiler/#type-Profile
 *
 * @internal
 */
export interface V8CpuProfile {
  readonly nodes: readonly V8CpuNode[];
  /** Microseconds of the process's monotonic clock. */
  readonly startTime: number;
  readonly endTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface V8CpuNode {
  readonly id: number;
  readonly callFrame: V8CallFrame;
  readonly children?: readonly number[];
}

/** Line and column count from 0. @internal */
export interface V8CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

const ROOT = '(root)';

/** V8's name for a thread that waits for events. @internal */
export const IDLE = '(idle)';

/** @internal */
export function positionOfCallFrame({
  functionName,
  url,
  lineNumber,
  columnNumber,
}: V8CallFrame): CodePosition {
  return { functionName, file: url, line: lineNumber + 1, column: columnNumber + 1 };
}

/** A stack, for how long it was seen without a break, and when. Times in microseconds. @internal */
export interface TimedStack {
  readonly stack: readonly CodePosition[];
  readonly from: number;
  readonly to: number;
}

/**
 * The samples of a profile in the order they were taken, from `since` on. A sample stands for the time until the next
 * one: what comes before the first is the time that V8 took to start.
 *
 * @internal
 */
export function timelineOf(profile: V8CpuProfile, since = 0): TimedStack[] {
  const stacks = stacksOf(profile);
  const timeline: TimedStack[] = [];
  let time = profile.startTime;
  profile.samples.forEach((nodeId, index) => {
    time += profile.timeDeltas[index] ?? 0;
    const from = Math.max(time, since);
    const to = time + (profile.timeDeltas[index + 1] ?? profile.endTime - time);
    if (to > from) {
      timeline.push({ stack: stacks.get(nodeId) ?? [], from, to });
    }
  });
  return timeline;
}

/** Sums a timeline up: number of samples and nanoseconds of each stack. @internal */
export function samplesOfTimeline(timeline: readonly TimedStack[]): StackSample[] {
  const sums = new Map<readonly CodePosition[], [number, number]>();
  for (const { stack, from, to } of timeline) {
    const sum = sums.get(stack) ?? [0, 0];
    sums.set(stack, [sum[0] + 1, sum[1] + Math.round((to - from) * 1000)]);
  }
  return [...sums].map(([stack, values]) => ({ stack, values }));
}

/** The stack of each node, one array a node, innermost frame first and without the root. */
function stacksOf({ nodes }: V8CpuProfile): Map<number, readonly CodePosition[]> {
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  const positions = new Map(nodes.map((node) => [node.id, positionOfCallFrame(node.callFrame)]));
  const stacks = new Map<number, readonly CodePosition[]>();
  for (const { id } of nodes) {
    const stack: CodePosition[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const position = positions.get(at);
      if (position && position.functionName !== ROOT) {
        stack.push(position);
      }
    }
    stacks.set(id, stack);
  }
  return stacks;
}
