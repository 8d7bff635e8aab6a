import { tmpdir } from 'node:os';
import { join, parse } from 'node:path';
import type { LoopDescription } from './agent.protocol.js';
import type { MemoryFigures } from './memory.usage.js';
import { tried } from './pprof.error.js';

/** A process of this user that serves profiles, for a person who looks for the right one. @internal */
export interface RunningProfiler {
  readonly pid: number;
  readonly title: string;
  /** Absolute path of the script that it was started with. */
  readonly program: string;
  /** See `ApplicationInfo`. */
  readonly instance: string | null;
  /** Null where it listens on a unix socket. */
  readonly host: string | null;
  readonly port: number | null;
  readonly socketPath: string | null;
}

/**
 * Where this user's running profilers are noted. One for each user, as another's would be refused. Not to be asked in the
 * profiling thread, whose environment has no `TMPDIR`.
 *
 * @internal
 */
export function registryDirectory(): string {
  return join(tmpdir(), `nestjs-pprof-${process.getuid?.() ?? 'profilers'}`);
}

/** Of one that a deployment has removed under a running process nobody knows the name: Node throws. @internal */
export function workingDirectory(cwd: () => string = process.cwd): string {
  return tried(cwd) ?? parse(process.execPath).root;
}

/** What `/debug/vars` tells, as JSON. What nobody knows at the moment is null. @internal */
export interface ProcessVariables {
  readonly cmdline: readonly string[];
  readonly pid: number;
  readonly title: string;
  readonly instance: string | null;
  readonly uptimeSeconds: number;
  readonly versions: Readonly<Record<string, string | undefined>>;
  /** CPU time used so far; of the main thread only on Linux. */
  readonly cpuSeconds: { readonly user: number; readonly system: number; readonly mainThread: number | null };
  /** How many processors it may use at a time, and what says so. */
  readonly processors: { readonly count: number; readonly by: string };
  /** Those of the kernel: JavaScript's, V8's, libuv's. Only on Linux. */
  readonly threads: number | null;
  /** Whether a capture, or the flight recorder, runs: then the utilization of the event loop is not what it says, see docs/running.md. */
  readonly sampled: boolean;
  readonly memory: Pick<MemoryFigures, 'rss'> & Partial<MemoryFigures>;
  readonly heap: LoopDescription['heap'] | null;
  readonly heapSpaces: LoopDescription['heapSpaces'] | null;
  readonly eventLoop: {
    readonly stuck: boolean;
    /** ISO time. */
    readonly lastTurn: string;
    /** The same as a duration, by the clock of the service: a client may have another. */
    readonly sinceTurnMillis: number;
    readonly delayMillis: number | null;
    readonly utilization: LoopDescription['utilization'] | null;
    readonly activeResources: LoopDescription['activeResources'] | null;
  };
  readonly otherProcesses: readonly RunningProfiler[];
}
