import { LIVE_OBJECTS } from '../pprof/allocation.tree.js';
import type { Profile } from '../pprof/profile.model.js';
import { liveComments, liveCoverage, liveSamples } from './heap.samples.js';
import { memorySummary } from './memory.summary.js';
import type { ProfileKind } from './profile.kind.js';

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
  async capture({ threads: selection, gc, debug, signal }, threads): Promise<Profile> {
    const startedAt = Date.now();
    const heaps = await threads.sampleHeaps(selection, gc, signal);
    return {
      sampleTypes: LIVE_OBJECTS,
      periodType: { type: 'space', unit: 'bytes' },
      period: threads.heapSamplingInterval,
      samples: heaps.results.flatMap((heap) => liveSamples(heap, threads.heapStackDepth(heap.thread))),
      startedAt,
      comments: [
        `live objects, one sample every ${threads.heapSamplingInterval} bytes`,
        ...liveComments(heaps, gc),
      ],
      coverage: liveCoverage(heaps),
      ...(debug === 0 ? {} : { details: await memorySummary(threads) }),
    };
  },
};
