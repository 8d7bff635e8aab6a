import type { HeapSampling } from '../../shared/agent.protocol.js';
import type { AllocationWindow } from './shared-allocations.js';
import type { ThreadInfo, ThreadSelection } from './thread.info.js';

/** How allocations are sampled where the options have no sampling of live objects. @internal */
export const DEFAULT_SAMPLING: HeapSampling = { samplingInterval: 512 * 1024, stackDepth: 64 };

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
