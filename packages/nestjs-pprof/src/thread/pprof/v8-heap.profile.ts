import type { AllocationNode } from '../../shared/agent.protocol.js';
import type { V8CallFrame } from './v8-cpu.profile.js';

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
