import type { Agent } from './agent.js';
import { AGENTS } from '../shared/agent.protocol.js';

/** Makes an agent findable for its profiling thread when the event loop, and so its messages, are stuck. @internal */
export function registerAgent(profilingThreadId: number, agent: Agent): void {
  registry().set(profilingThreadId, agent);
}

/** @internal */
export function unregisterAgent(profilingThreadId: number): void {
  registry().delete(profilingThreadId);
}

/** Whether a profiling thread runs in this process. @internal */
export function hasAgents(): boolean {
  return registry().size > 0;
}

function registry(): Map<number, Agent> {
  const holder = globalThis as { [AGENTS]?: Map<number, Agent> };
  holder[AGENTS] ??= new Map();
  return holder[AGENTS];
}
