import type { HeapSample } from '../agent/agent.protocol.js';
import type { AgentClient } from './agent.client.js';
import { InspectorConnection } from './inspector.connection.js';
import { type CpuCaptureRequest, type MeasuredSegment, SharedCpuSampler } from './shared-cpu.sampler.js';

/** The application's main thread. @internal */
export class MainThread {
  readonly #cpuSampler: SharedCpuSampler;

  constructor(private readonly agent: AgentClient) {
    this.#cpuSampler = new SharedCpuSampler(agent);
  }

  captureCpu(request: CpuCaptureRequest): Promise<readonly MeasuredSegment[]> {
    return this.#cpuSampler.capture(request);
  }

  async sampleHeap({ gc }: { readonly gc: boolean }): Promise<HeapSample> {
    if (gc) {
      await InspectorConnection.using((inspector) => inspector.post('HeapProfiler.collectGarbage'));
    }
    return this.agent.request('sampleHeap', null);
  }
}
