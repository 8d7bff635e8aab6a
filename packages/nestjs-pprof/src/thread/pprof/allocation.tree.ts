import type { AllocationNode } from '../../shared/agent.protocol.js';
import type { StackSample } from './profile.model.js';
import type { CodePosition } from './source.maps.js';

/** The sample types of live objects. @internal */
export const LIVE_OBJECTS = [
  { type: 'inuse_objects', unit: 'count' },
  { type: 'inuse_space', unit: 'bytes' },
];

/** Turns V8's tree of allocation sites into samples of objects and bytes. @internal */
export function samplesOfAllocations(root: AllocationNode): StackSample[] {
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
      samples.push({ stack, values: [objects, bytes] });
    }
    open.push(...node.children.map((child) => ({ node: child, callers: stack })));
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
