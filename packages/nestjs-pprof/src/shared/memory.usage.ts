import { tried } from './pprof.error.js';

/** What `process.memoryUsage()` tells, in bytes; null for what is not known. @internal */
export type MemoryFigures = Readonly<
  Omit<NodeJS.MemoryUsage, 'rss' | 'arrayBuffers'> & Record<'rss' | 'arrayBuffers', number | null>
>;

/** As it is when this package is loaded: an application may put a mock in its place. */
const { memoryUsage: usageOfProcess } = process;

/** Without a free file descriptor Node cannot ask the kernel for `rss`, and throws; V8's figures are known all the same. @internal */
export function memoryUsage(usage: () => NodeJS.MemoryUsage = usageOfProcess): MemoryFigures {
  return tried(usage) ?? { ...usageOfHeap(), rss: null, arrayBuffers: null };
}

/** @internal */
export function residentBytes(rss: () => number = usageOfProcess.rss): number | null {
  return tried(rss) ?? null;
}

function usageOfHeap() {
  const { total_heap_size, used_heap_size, external_memory } = process
    .getBuiltinModule('node:v8')
    .getHeapStatistics();
  return { heapTotal: total_heap_size, heapUsed: used_heap_size, external: external_memory };
}
