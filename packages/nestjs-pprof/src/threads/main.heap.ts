import type { HeapSampling } from '../agent/heap.sampler.js';
import { allocationNodeOf, type V8HeapProfile } from '../pprof/v8-heap-profile.js';
import type { AgentClient } from './agent.client.js';
import type { FromThreads } from './inspected.workers.js';
import { InspectorConnection } from './inspector.connection.js';
import { collectGarbage, type ThreadHeap } from './thread.heap.js';
import { MAIN_THREAD } from './thread.info.js';
import { ThreadStuckError, ThreadUnreachableError } from './threads.errors.js';

/** The heap of the application's main thread, sampled from start-up on. @internal */
export class MainHeap {
  constructor(
    private readonly agent: AgentClient,
    private readonly sampling: HeapSampling | false,
  ) {}

  /** @throws {AgentFailureError} */
  async sample(gc: boolean): Promise<FromThreads<ThreadHeap>> {
    try {
      const collected = gc && (await InspectorConnection.using(collectGarbage));
      const heap = await this.#sample();
      return { results: [{ ...heap, collected }], skipped: [] };
    } catch (error) {
      if (error instanceof ThreadUnreachableError) {
        return { results: [], skipped: [`main: ${error.message}`] };
      }
      throw error;
    }
  }

  async #sample(): Promise<Omit<ThreadHeap, 'collected'>> {
    const thread = MAIN_THREAD;
    try {
      const { root, startedAt, memory } = await this.agent.request('sampleHeap', null);
      return { thread, way: 'agent', root, since: startedAt, memory };
    } catch (error) {
      // Where the options say no, the agent would have said so.
      if (!(error instanceof ThreadStuckError) || this.sampling === false) {
        throw error;
      }
    }
    // V8 has one sampling heap profiler to a thread: the one that the agent has started answers here as well.
    const { profile } = await InspectorConnection.using((inspector) =>
      inspector.post<{ profile: V8HeapProfile }>('HeapProfiler.getSamplingProfile'),
    );
    return {
      thread,
      way: 'inspector',
      root: allocationNodeOf(profile.head),
      since: undefined,
      memory: undefined,
    };
  }
}
