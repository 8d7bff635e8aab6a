import { setTimeout as sleep } from 'node:timers/promises';
import type { HeapSample } from '../agent/agent.protocol.js';
import { samplesOfAllocations } from '../pprof/allocation-tree.js';
import { type Profile, type StackSample, syntheticFrame } from '../pprof/profile.model.js';
import { withoutOwnFrames } from './own-frames.js';
import type { ProfileKind } from './profile.kind.js';

/** Memory outside V8's heap, such as buffers: V8 knows how much there is, not who allocated it. */
const EXTERNAL = syntheticFrame('(external)');

/** @internal */
export const heapProfile: ProfileKind = {
  name: 'heap',
  description:
    'A sampling of memory allocations of live objects. Use gc=1 to run a garbage collection before taking the sample.',
  parameters: {
    seconds: { kind: 'delta' },
    hz: null,
    threads: false,
    gc: true,
    debug: true,
    formats: ['pprof', 'text'],
  },
  async capture({ seconds, gc, signal }, threads): Promise<Profile> {
    const before = seconds === undefined ? undefined : await threads.heap.sample({ gc });
    if (seconds !== undefined) {
      await sleep(seconds * 1000, undefined, { signal });
    }
    const sample = await threads.heap.sample({ gc });
    return {
      sampleTypes: [
        { type: 'inuse_objects', unit: 'count' },
        { type: 'inuse_space', unit: 'bytes' },
      ],
      periodType: { type: 'space', unit: 'bytes' },
      period: sample.samplingInterval,
      samples: [...samplesOf(sample), ...(before ? negated(samplesOf(before)) : [])],
      startedAt: sample.takenAt - (seconds ?? 0) * 1000,
      ...(seconds === undefined ? {} : { durationNanos: seconds * 1e9 }),
      comments: [
        `live objects, sampled every ${sample.samplingInterval} bytes since ${new Date(sample.startedAt).toISOString()}, ` +
          `stacks of up to ${sample.stackDepth} frames`,
        'threads: main (by its agent)',
        `${EXTERNAL.functionName} is memory outside V8's heap, such as buffers; its objects are not counted`,
        ...(gc ? ['after a garbage collection'] : []),
        memoryComment(sample.memory),
      ],
    };
  },
};

function samplesOf({ root, memory }: HeapSample): StackSample[] {
  return [
    ...withoutOwnFrames(samplesOfAllocations(root)),
    { stack: [EXTERNAL], values: [0, memory.external] },
  ];
}

function negated(samples: readonly StackSample[]): StackSample[] {
  return samples.map((sample) => ({ ...sample, values: sample.values.map((value) => -value) }));
}

function memoryComment(memory: NodeJS.MemoryUsage): string {
  const parts = Object.entries(memory).map(([name, bytes]) => `${name} ${bytes}`);
  return `process.memoryUsage() in bytes: ${parts.join(', ')}`;
}
