import type { LoopDescription } from '../shared/agent.protocol.js';

/** What can only be told from within the main thread. @internal */
export function describeLoop(): LoopDescription {
  const { performance } = process.getBuiltinModule('node:perf_hooks');
  const { getHeapSpaceStatistics, getHeapStatistics } = process.getBuiltinModule('node:v8');
  return {
    activeResources: process.getActiveResourcesInfo(),
    utilization: performance.eventLoopUtilization(),
    memory: process.memoryUsage(),
    heap: { ...getHeapStatistics() },
    heapSpaces: getHeapSpaceStatistics().map((space) => ({ ...space })),
  };
}
