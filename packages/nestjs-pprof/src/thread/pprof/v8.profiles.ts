import { pathToFileURL } from 'node:url';
import {
  type Frame,
  type Labels,
  isMark,
  markTruncated,
  MAX_FILE_LENGTH,
  MAX_NAME_LENGTH,
  printable,
  type StackSample,
} from './profile.model.js';
import type { OriginalPositions } from './original.positions.js';
import type { SourceMaps } from './source.maps.js';

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

/** @internal */
export interface V8CpuNode {
  readonly id: number;
  readonly callFrame: V8CallFrame;
  readonly children?: readonly number[];
  /** How often which line (from 1) of the function was executing when the node was the innermost one. */
  readonly positionTicks?: ReadonlyArray<LineTicks>;
}

interface LineTicks {
  readonly line: number;
  readonly ticks: number;
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

/** V8's name for native code that it attributes to no function. @internal */
export const PROGRAM = '(program)';

/** V8's name for its own work on the heap; who has called is not in the sample. @internal */
export const GARBAGE_COLLECTOR = '(garbage collector)';

/** Our own mark: V8 was being stopped and started again, and the thread did nothing else. @internal */
export const ROTATING = '(profiler)';

function positionOfCallFrame({ functionName, url, lineNumber, columnNumber }: V8CallFrame): Frame {
  return { functionName, file: url, line: lineNumber + 1, column: columnNumber + 1 };
}

/** A node of a profile: a stack, innermost frame first, and what is known of the lines in its innermost frame. @internal */
export interface ProfiledStack {
  readonly frames: readonly Frame[];
  readonly lines: readonly LineTicks[];
  /** Of what the flight recorder has seen. */
  readonly labels?: Labels;
}

/** A stack, for how long it was seen without a break, and when. Times in microseconds. @internal */
export interface TimedStack {
  readonly stack: ProfiledStack;
  readonly from: number;
  readonly to: number;
}

/**
 * The samples in the order they were taken. Each stands for the time until the next: what comes before the first is the time
 * that V8 took to start.
 *
 * @internal
 */
export function timelineOf(profile: V8CpuProfile): TimedStack[] {
  const stacks = stacksOf(profile);
  const timeline: TimedStack[] = [];
  let time = profile.startTime;
  profile.samples.forEach((nodeId, index) => {
    time += profile.timeDeltas[index] ?? 0;
    const from = time;
    const to = from + (profile.timeDeltas[index + 1] ?? profile.endTime - from);
    const stack = stacks.get(nodeId);
    if (stack && to > from && !isMark(stack.frames[0], ROTATING)) {
      timeline.push({ stack, from, to });
    }
  });
  return timeline;
}

/** @internal */
export function isIdle({ stack }: TimedStack): boolean {
  return isMark(stack.frames[0], IDLE);
}

/** Sums a timeline up: number of samples and nanoseconds of each stack, by the line that was executing. @internal */
export function samplesOfTimeline(timeline: readonly TimedStack[]): StackSample[] {
  const sums = new Map<ProfiledStack, [number, number]>();
  for (const { stack, from, to } of timeline) {
    const sum = sums.get(stack) ?? [0, 0];
    sums.set(stack, [sum[0] + 1, sum[1] + Math.round((to - from) * 1000)]);
  }
  return [...sums].flatMap(([stack, values]) => splitByLine(stack, values));
}

/** The stack with the line that its innermost function was executing most of the time. @internal */
export function framesWithLine({ frames, lines }: ProfiledStack): readonly Frame[] {
  const [mostly] = lines.toSorted((a, b) => b.ticks - a.ticks);
  return mostly ? withLine(frames, mostly.line) : frames;
}

/** Shares values out among the lines in proportion to their ticks, without gaining or losing any. */
function splitByLine(stack: ProfiledStack, values: readonly number[]): StackSample[] {
  const { frames } = stack;
  const lines = stack.lines.filter(({ ticks }) => ticks > 0);
  let ticksLeft = lines.reduce((total, { ticks }) => total + ticks, 0);
  if (ticksLeft === 0) {
    return [{ stack: frames, values }];
  }
  const left = [...values];
  return lines.map(({ line, ticks }) => {
    const share = left.map((value) => Math.round((value * ticks) / ticksLeft));
    share.forEach((value, index) => (left[index]! -= value));
    ticksLeft -= ticks;
    return { stack: withLine(frames, line), values: share };
  });
}

function withLine(frames: readonly Frame[], executingLine: number): readonly Frame[] {
  const [leaf, ...callers] = frames;
  return leaf && leaf.file !== '' ? [{ ...leaf, executingLine }, ...callers] : frames;
}

function stacksOf({ nodes }: V8CpuProfile): Map<number, ProfiledStack> {
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  const frames = new Map(nodes.map((node) => [node.id, positionOfCallFrame(node.callFrame)]));
  const stacks = new Map<number, ProfiledStack>();
  for (const { id, positionTicks = [] } of nodes) {
    const stack: Frame[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = frames.get(at);
      if (frame && !isMark(frame, ROOT)) {
        stack.push(frame);
      }
    }
    stacks.set(id, { frames: markTruncated(stack), lines: positionTicks });
  }
  return stacks;
}

/**
 * V8's own sampling heap profile, as `.heapprofile` files hold it.
 * https://chromedevtools.github.io/devtools-protocol/v8/HeapProfiler/#type-SamplingHeapProfile
 *
 * @internal
 */
export interface V8HeapProfile {
  readonly head: V8HeapNode;
}

/** @internal */
export interface V8HeapNode {
  readonly callFrame: V8CallFrame;
  /** Bytes allocated here and still alive. The number of objects is not told. */
  readonly selfSize: number;
  readonly children: readonly V8HeapNode[];
}

/** @internal */
export type V8Profile = V8CpuProfile | V8HeapProfile;

/**
 * Moves positions to the original sources, where there are source maps. All else stays as V8 has it, the names of functions
 * too, made printable: tools know those, `(program)` for instance.
 *
 * @internal
 */
export async function mapV8Profile<T extends V8Profile>(
  profile: T,
  sourceMaps: SourceMaps,
): Promise<T & { readonly comments?: readonly string[] }> {
  const callFrames =
    'head' in profile ? [...callFramesIn(profile.head)] : profile.nodes.map(({ callFrame }) => callFrame);
  const originals = await sourceMaps.load(callFrames.map(positionOfCallFrame));
  // The format has no field for comments; tools leave alone what they do not know.
  const comments = originals.describeUnused().map((comment) => printable(comment));
  return {
    ...profile,
    ...(comments.length === 0 ? {} : { comments }),
    ...('head' in profile
      ? { head: mapHeapNode(profile.head, originals) }
      : { nodes: profile.nodes.map((node) => mapCpuNode(node, originals)) }),
  };
}

function mapHeapNode(node: V8HeapNode, originals: OriginalPositions): V8HeapNode {
  return {
    ...node,
    callFrame: mapCallFrame(node.callFrame, originals),
    children: node.children.map((child) => mapHeapNode(child, originals)),
  };
}

function mapCpuNode(node: V8CpuNode, originals: OriginalPositions): V8CpuNode {
  const callFrame = mapCallFrame(node.callFrame, originals);
  if (!node.positionTicks || !originals.mapped(positionOfCallFrame(node.callFrame))) {
    return { ...node, callFrame };
  }
  const ticks = new Map<number, number>();
  for (const { line, ticks: count } of node.positionTicks) {
    const original = originalLine(line, node.callFrame, callFrame, originals);
    ticks.set(original, (ticks.get(original) ?? 0) + count);
  }
  const positionTicks = [...ticks].map(([line, count]): LineTicks => ({ line, ticks: count }));
  return { ...node, callFrame, positionTicks };
}

function mapCallFrame(callFrame: V8CallFrame, originals: OriginalPositions): V8CallFrame {
  const original = originals.mapped(positionOfCallFrame(callFrame));
  const functionName = printable(callFrame.functionName, MAX_NAME_LENGTH);
  return original
    ? {
        ...callFrame,
        functionName,
        url: pathToFileURL(original.file).href,
        lineNumber: original.line - 1,
        columnNumber: original.column - 1,
      }
    : { ...callFrame, functionName, url: printable(withoutText(callFrame.url), MAX_FILE_LENGTH) };
}

/** The name of a module from a `data:` URL is its whole text. */
function withoutText(url: string): string {
  return /^data:/i.test(url) ? url.replace(/,.*$/s, ',') : url;
}

/** V8 tells the line that is executing without a column: it is where the first code on that line comes from. */
function originalLine(
  line: number,
  generated: V8CallFrame,
  mapped: V8CallFrame,
  originals: OriginalPositions,
): number {
  const { functionName, url } = generated;
  const original = originals.mapped({ functionName, file: url, line, column: 0 });
  // A line of another file has been inlined by a bundler; the format has only this one.
  return original && pathToFileURL(original.file).href === mapped.url ? original.line : mapped.lineNumber + 1;
}

function* callFramesIn({ callFrame, children }: V8HeapNode): Generator<V8CallFrame> {
  yield callFrame;
  for (const child of children) {
    yield* callFramesIn(child);
  }
}
