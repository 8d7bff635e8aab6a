import type { AllocationNode } from '../shared/agent.protocol.js';
import { LIVE_OBJECTS, samplesOfAllocations } from '../thread/pprof/allocation.tree.js';
import type { Profile } from '../thread/pprof/profile.model.js';
import { withoutOwnFrames } from '../thread/pprof/own.frames.js';
import type { OomExportOptions } from '../shared/oom-profile.files.js';

/** The heap of the main thread at the moment when it was full. @internal */
export function oomProfileOf(
  root: AllocationNode,
  { samplingInterval, stackDepth, since, withGarbage, ownCode }: OomExportOptions,
  pid: number,
  takenAt: Date,
): Profile {
  const labels = { thread: 'main' };
  return {
    sampleTypes: LIVE_OBJECTS,
    periodType: { type: 'space', unit: 'bytes' },
    period: samplingInterval,
    samples: withoutOwnFrames(samplesOfAllocations(root, stackDepth), ownCode).map((sample) => ({
      ...sample,
      labels,
    })),
    startedAt: takenAt.getTime(),
    comments: [
      `nestjs-pprof: heap of pid ${pid} as it ran out of memory, node ${process.version} ${process.platform}-${process.arch}`,
      withGarbage
        ? `all objects allocated in a window of allocs?seconds= that was open, garbage too, one sample every ${samplingInterval} bytes`
        : `live objects, one sample every ${samplingInterval} bytes`,
      `threads: main (allocations since ${new Date(since).toISOString()}); heaps of worker threads, and memory outside V8's heap, are not in it`,
    ],
  };
}
