import type { HeapSampling } from '../../shared/agent.protocol.js';
import type { AllocationWindow } from './shared-allocations.js';
import type { ThreadInfo, ThreadSelection } from './thread.info.js';

/** How allocations are sampled where the options have no sampling of live objects. @internal */
export const DEFAULT_SAMPLING: HeapSampling = { samplingInterval: 512 * 1024, stackDepth: 64 };

/** V8's own, where the inspector starts the sampler. https://github.com/v8/v8/blob/main/src/inspector/v8-heap-profiler-agent-impl.cc @internal */
export const INSPECTOR_STACK_DEPTH = 128;

/** @internal */
export interface AllocationsRequest {
  readonly seconds: number;
  readonly threads: ThreadSelection;
  readonly signal: AbortSignal;
}

/** All that one thread has allocated in a window of time. @internal */
export interface ThreadAllocations extends AllocationWindow {
  readonly thread: ThreadInfo;
  /** Whether its event loop had got stuck when the window ended. */
  readonly stuck: boolean;
}
