import type { AllocationNode } from '../../shared/agent.protocol.js';
import { type StackSample, TRUNCATED } from './profile.model.js';
import type { CodePosition } from './source-map.table.js';
import type { V8HeapNode } from './v8.profiles.js';

/** The sample types of live objects. @internal */
export const LIVE_OBJECTS = [
  { type: 'inuse_objects', unit: 'count' },
  { type: 'inuse_space', unit: 'bytes' },
];

/** Of V8's tree of allocation sites; the sampler keeps `stackDepth` frames. @internal */
export function samplesOfAllocations(root: AllocationNode, stackDepth: number): StackSample[] {
  const samples: StackSample[] = [];
  const open: Array<{ node: AllocationNode; callers: readonly CodePosition[] }> = root.children.map(
    (node) => ({
      node,
      callers: [],
    }),
  );
  for (let entry = open.pop(); entry; entry = open.pop()) {
    const { node, callers } = entry;
    const stack = [positionOf(node), ...callers];
    if (node.allocations.length > 0) {
      const objects = node.allocations.reduce((total, { count }) => total + count, 0);
      const bytes = node.allocations.reduce((total, { count, sizeBytes }) => total + count * sizeBytes, 0);
      samples.push({
        stack: stack.length < stackDepth ? stack : [...stack, TRUNCATED],
        values: [objects, bytes],
      });
    }
    node.children.forEach((child) => open.push({ node: child, callers: stack }));
  }
  return samples;
}

function positionOf({
  name = '',
  scriptName,
  lineNumber = 0,
  columnNumber = 0,
}: AllocationNode): CodePosition {
  return { functionName: name, file: scriptName, line: lineNumber, column: columnNumber };
}

/** @internal */
export function allocationNodeOf({ callFrame, selfSize, children }: V8HeapNode): AllocationNode {
  return {
    name: callFrame.functionName,
    scriptName: callFrame.url,
    lineNumber: callFrame.lineNumber + 1,
    columnNumber: callFrame.columnNumber + 1,
    allocations: selfSize > 0 ? [{ sizeBytes: selfSize, count: 1 }] : [],
    children: children.map(allocationNodeOf),
  };
}

/** The two texts of a node, between the names that the addon writes around them. */
const TEXTS = /\{"name":"(.*?)","scriptName":"(.*?)","scriptId":(-?\d+),"lineNumber":/gs;

/**
 * Reads the file that `@datadog/pprof` writes when the heap is full. It looks like JSON, but quotes and backslashes in names
 * are as they were. https://github.com/DataDog/pprof-nodejs/blob/main/bindings/profilers/heap.cc (`dumpAllocationProfileAsJSON`)
 *
 * @throws {SyntaxError} where it is cut short.
 * @internal
 */
export function parseAddonHeap(text: string): AllocationNode {
  const json = text.replaceAll(
    TEXTS,
    (_, name: string, scriptName: string, scriptId: string) =>
      `{"name":${JSON.stringify(name)},"scriptName":${JSON.stringify(scriptName)},"scriptId":${scriptId},"lineNumber":`,
  );
  return JSON.parse(json) as AllocationNode;
}
