import type { AgentAccepted, AgentReply, AgentRequest, WorkerStarted } from './agent/agent.protocol.js';

/** What the profiling thread is told when it starts: its options, and what it cannot find out by itself. @internal */
export interface ThreadData {
  readonly host: string;
  readonly port: number;
  readonly maxSeconds: number;
  /** Where the main thread notes that its event loop turns, see `agent/heartbeat.ts`. */
  readonly heartbeat: SharedArrayBuffer;
  readonly application: ApplicationInfo;
}

/** The process that is profiled, as the pages and profiles name it. @internal */
export interface ApplicationInfo {
  readonly pid: number;
  readonly title: string;
  readonly argv: readonly string[];
  readonly execPath: string;
  readonly execArgv: readonly string[];
  readonly cwd: string;
}

/** @internal */
export type FromThread =
  | { readonly type: 'listening'; readonly host: string; readonly port: number }
  | { readonly type: 'listen-failed'; readonly message: string }
  | AgentRequest;

/** @internal */
export type ToThread = AgentAccepted | AgentReply | WorkerStarted;
