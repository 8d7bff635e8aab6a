import type { AllocationNode, HeapRestart } from '../../shared/agent.protocol.js';
import { DutyCycle } from './duty.cycle.js';
import type { InspectorTarget } from './inspector.connection.js';
import type { ThreadInfo } from './thread.info.js';
import { ThreadUnreachableError } from './threads.errors.js';
import type { V8HeapProfile } from '../pprof/v8.profiles.js';

/** The live objects of one thread that its heap sampler knows of. @internal */
export interface ThreadHeap {
  readonly thread: ThreadInfo;
  readonly way: 'agent' | 'inspector';
  readonly root: AllocationNode;
  /** Since when allocations are sampled, milliseconds since the epoch; undefined where only the agent would know. */
  readonly since: number | undefined;
  /** Why that is not since start-up, or since the thread was asked for first. */
  readonly restarted?: HeapRestart | null;
  /**
   * When it was sampled, milliseconds since the epoch, where that is not now: a capture of all allocations has taken the
   * sampler over since.
   */
  readonly asOf?: number;
  /** Of the thread that was asked; undefined where it could not be asked. */
  readonly memory: NodeJS.MemoryUsage | undefined;
  /** Whether garbage was collected before. */
  readonly collected: boolean;
  /** As V8 has it, where it came that way. */
  readonly v8Profile?: V8HeapProfile;
}

/** V8 collects garbage on request only from the event loop, not by interrupt. */
const COLLECTION_DEADLINE_MILLIS = 2000;

/** A collection of a large heap takes seconds; nobody waits longer than this for the next one. */
const LONGEST_REST_MILLIS = 10_000;

interface Collections {
  readonly cycle: DutyCycle;
  running?: Promise<boolean> | undefined;
}

/** By the id of the thread. */
const collections = new Map<number, Collections>();

/**
 * Collects garbage, which stops the thread: one at a time, with a rest after it, and once for all who ask before it is done.
 *
 * @returns whether it could be done, which it cannot on a thread that is stuck or waits in `Atomics.wait`.
 * @internal
 */
export async function collectGarbage(target: InspectorTarget): Promise<boolean> {
  const { id } = target.thread;
  const ofThread = collections.get(id) ?? { cycle: new DutyCycle(LONGEST_REST_MILLIS) };
  collections.set(id, ofThread);
  while (ofThread.running) {
    const others = await ofThread.running.catch(() => undefined);
    if (others !== undefined) {
      return others;
    }
    // The one whose session it was has gone.
  }
  ofThread.running = ofThread.cycle.run(() => collect(target));
  try {
    return await ofThread.running;
  } finally {
    ofThread.running = undefined;
  }
}

async function collect(target: InspectorTarget): Promise<boolean> {
  try {
    await target.post('HeapProfiler.collectGarbage', {}, COLLECTION_DEADLINE_MILLIS);
    return true;
  } catch (error) {
    if (error instanceof ThreadUnreachableError) {
      return false;
    }
    throw error;
  }
}
