import { AgentClient, type AgentChannel } from './agent.client.js';
import { type CpuCapture, CpuCapturer, type CpuRequest } from './cpu.capturer.js';
import { askWorkers, type FromThreads } from './inspected.workers.js';
import { MainHeap } from './main.heap.js';
import { StackCapturer, type ThreadStack } from './stack.capturer.js';
import type { ThreadInfo, ThreadSelection } from './thread.info.js';

/** The threads of the application, and what can be found out about them. @internal */
export class ApplicationThreads {
  readonly heap: MainHeap;
  readonly #cpu: CpuCapturer;
  readonly #stacks: StackCapturer;

  constructor(channel: AgentChannel, heartbeat: SharedArrayBuffer) {
    const agent = new AgentClient(channel);
    this.heap = new MainHeap(agent);
    this.#cpu = new CpuCapturer(agent);
    this.#stacks = new StackCapturer(agent, heartbeat);
  }

  captureCpu(request: CpuRequest): Promise<CpuCapture> {
    return this.#cpu.capture(request);
  }

  captureStacks(threads: ThreadSelection, signal: AbortSignal): Promise<FromThreads<ThreadStack>> {
    return this.#stacks.capture(threads, signal);
  }

  /** The worker threads there are; they are not interrupted. */
  listWorkers(): Promise<FromThreads<ThreadInfo>> {
    return askWorkers('all', (target) => Promise.resolve(target.thread));
  }
}
