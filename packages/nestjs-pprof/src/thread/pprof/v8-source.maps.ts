import { pathToFileURL } from 'node:url';
import type { OriginalPositions, SourceMaps } from './source.maps.js';
import {
  type LineTicks,
  positionOfCallFrame,
  type V8CallFrame,
  type V8CpuNode,
  type V8CpuProfile,
} from './v8-cpu.profile.js';
import type { V8HeapNode, V8HeapProfile } from './v8-heap.profile.js';

/**
 * Moves the positions in a CPU profile of V8 to the original sources, where there are source maps. All else stays exactly
 * as V8 has it, the names of functions too: tools know those, `(program)` for instance.
 *
 * @internal
 */
export async function mapCpuProfile(profile: V8CpuProfile, sourceMaps: SourceMaps): Promise<V8CpuProfile> {
  const originals = await sourceMaps.load(new Set(profile.nodes.map(({ callFrame }) => callFrame.url)));
  return { ...profile, nodes: profile.nodes.map((node) => mapCpuNode(node, originals)) };
}

/** The same for a sampling heap profile of V8. @internal */
export async function mapHeapProfile(profile: V8HeapProfile, sourceMaps: SourceMaps): Promise<V8HeapProfile> {
  const originals = await sourceMaps.load(new Set(urlsIn(profile.head)));
  const mapNode = (node: V8HeapNode): V8HeapNode => ({
    ...node,
    callFrame: mapCallFrame(node.callFrame, originals),
    children: node.children.map(mapNode),
  });
  return { ...profile, head: mapNode(profile.head) };
}

function mapCpuNode(node: V8CpuNode, originals: OriginalPositions): V8CpuNode {
  const callFrame = mapCallFrame(node.callFrame, originals);
  if (callFrame === node.callFrame || !node.positionTicks) {
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
  return original
    ? {
        ...callFrame,
        url: pathToFileURL(original.file).href,
        lineNumber: original.line - 1,
        columnNumber: original.column - 1,
      }
    : callFrame;
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

function* urlsIn({ callFrame, children }: V8HeapNode): Generator<string> {
  yield callFrame.url;
  for (const child of children) {
    yield* urlsIn(child);
  }
}
