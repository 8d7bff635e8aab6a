import type { HeapSample } from '../agent/agent.protocol.js';
import type { AgentClient } from './agent.client.js';
import { InspectorConnection } from './inspector.connection.js';

/** The heap of the application's main thread. @internal */
export class MainHeap {
  constructor(private readonly agent: AgentClient) {}

  async sample({ gc }: { readonly gc: boolean }): Promise<HeapSample> {
    if (gc) {
      await InspectorConnection.using((inspector) => inspector.post('HeapProfiler.collectGarbage'));
    }
    return this.agent.request('sampleHeap', null);
  }
}
