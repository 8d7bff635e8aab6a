import { AgentClient, type AgentChannel } from './agent.client.js';
import { type CpuCapture, CpuCapturer, type CpuRequest } from './cpu.capturer.js';
import { MainHeap } from './main.heap.js';

/** The threads of the application, and what can be found out about them. @internal */
export class ApplicationThreads {
  readonly heap: MainHeap;
  readonly #cpu: CpuCapturer;

  constructor(channel: AgentChannel) {
    const agent = new AgentClient(channel);
    this.heap = new MainHeap(agent);
    this.#cpu = new CpuCapturer(agent);
  }

  captureCpu(request: CpuRequest): Promise<CpuCapture> {
    return this.#cpu.capture(request);
  }
}
