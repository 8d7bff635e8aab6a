import { samplesOfAllocations } from '../pprof/allocation-tree.js';
import { type Profile, type StackSample, syntheticFrame } from '../pprof/profile.model.js';
import type { ThreadHeap } from '../threads/thread.heap.js';
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
    threads: true,
    gc: true,
    debug: true,
    formats: ['pprof', 'text', 'heapprofile'],
  },
  async capture({ threads: selection, gc }, threads): Promise<Profile> {
    const startedAt = Date.now();
    const { results, skipped } = await threads.sampleHeaps(selection, gc);
    return {
      sampleTypes: [
        { type: 'inuse_objects', unit: 'count' },
        { type: 'inuse_space', unit: 'bytes' },
      ],
      periodType: { type: 'space', unit: 'bytes' },
      period: threads.heapSamplingInterval,
      samples: results.flatMap(samplesOf),
      startedAt,
      comments: [
        `live objects, one sample every ${threads.heapSamplingInterval} bytes`,
        `threads: ${results.map((heap) => describe(heap, gc)).join(', ')}`,
        ...(skipped.length > 0 ? [`threads skipped: ${skipped.join('; ')}`] : []),
        ...results.flatMap(memoryComments),
      ],
    };
  },
};

function samplesOf({ thread, way, root, memory }: ThreadHeap): StackSample[] {
  const labels = { thread: thread.label };
  const samples = withoutOwnFrames(samplesOfAllocations(root)).map(
    ({ stack, values: [objects = 0, bytes = 0] }) => ({
      stack,
      // The inspector does not tell the number of objects, and none is invented.
      values: [way === 'agent' ? objects : 0, bytes],
      labels,
    }),
  );
  return memory ? [...samples, { stack: [EXTERNAL], values: [0, memory.external], labels }] : samples;
}

function describe({ thread, way, since, collected }: ThreadHeap, gc: boolean): string {
  const details = [
    `by ${way}`,
    `allocations ${since === undefined ? 'from start-up on' : `since ${new Date(since).toISOString()}`}`,
    ...(way === 'agent' ? [] : ['objects not counted']),
    ...(gc ? [collected ? 'garbage collected' : 'garbage not collected: its event loop does not turn'] : []),
  ];
  return `${thread.label} (${details.join(', ')})`;
}

function memoryComments({ thread, memory }: ThreadHeap): string[] {
  if (!memory) {
    return [];
  }
  const parts = Object.entries(memory).map(([name, bytes]) => `${name} ${bytes}`);
  return [
    `process.memoryUsage() of ${thread.label} in bytes: ${parts.join(', ')}`,
    `${EXTERNAL.functionName} is memory outside V8's heap, such as buffers; its objects are not counted`,
  ];
}
