import type { StackSample } from '../pprof/profile.model.js';
import type { ProcessorUse } from './processor.use.js';

/** @internal */
export type IncidentKind = 'blocked' | 'heap' | 'rss' | 'cpu' | 'main-cpu';

/** @internal */
export interface SampledStack extends Omit<StackSample, 'values'> {
  /** Of the time in which stacks were seen. */
  readonly share: number;
}

/** @internal */
export interface Incident {
  readonly kind: IncidentKind;
  /** Milliseconds since the epoch. */
  readonly from: number;
  /** Undefined while it goes on. */
  to: number | undefined;
  /** Bytes, or processors, at most, and the line that was crossed; undefined for a blocked loop. */
  peak: number | undefined;
  readonly limit: number | undefined;
  /** Of busy processors: what the kernel has counted meanwhile. */
  use?: ProcessorUse;
  /** CPU time of the main thread meanwhile, as far as it is recorded. */
  mainCpuNanos: number | undefined;
  /** Those seen longest; undefined until they have been read. */
  stacks: readonly SampledStack[] | undefined;
}
