import { AgentClient, type AgentChannel } from './agent.client.js';
import { MainThread } from './main.thread.js';

/** The threads of the application. @internal */
export class ApplicationThreads {
  readonly main: MainThread;

  constructor(channel: AgentChannel) {
    this.main = new MainThread(new AgentClient(channel));
  }
}
