import type { Agent } from './agent.js';
import { AGENTS } from '../shared/agent.protocol.js';
import { processGlobal } from './process.global.js';

/** Makes an agent findable for its profiling thread when the event loop, and so its messages, are stuck. @internal */
export function registerAgent(profilingThreadId: number, agent: Agent): void {
  registry().set(profilingThreadId, agent);
}

/** @internal */
export function unregisterAgent(profilingThreadId: number): void {
  registry().delete(profilingThreadId);
}

function registry(): Map<number, Agent> {
  const holder = processGlobal() as { [AGENTS]?: Map<number, Agent> };
  holder[AGENTS] ??= new Map();
  return holder[AGENTS];
}
