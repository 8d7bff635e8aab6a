import { tried } from './pprof.error.js';

/** What `process.memoryUsage()` tells, in bytes; null for what is not known. @internal */
export type MemoryFigures = Readonly<
  Omit<NodeJS.MemoryUsage, 'rss' | 'arrayBuffers'> & Record<'rss' | 'arrayBuffers', number | null>
>;

/** Without a free file descriptor Node cannot ask the kernel for `rss`, and throws; V8's figures are known all the same. @internal */
export function memoryUsage(): MemoryFigures {
  return tried(() => process.memoryUsage()) ?? { ...usageOfHeap(), rss: null, arrayBuffers: null };
}

/** @internal */
export function residentBytes(): number | null {
  return tried(() => process.memoryUsage.rss()) ?? null;
}

function usageOfHeap() {
  const { total_heap_size, used_heap_size, external_memory } = process
    .getBuiltinModule('node:v8')
    .getHeapStatistics();
  return { heapTotal: total_heap_size, heapUsed: used_heap_size, external: external_memory };
}
