import { samplesOfAllocations } from '../pprof/allocation.tree.js';
import type { Profile, StackSample } from '../pprof/profile.model.js';
import type { ApplicationThreads } from '../capture/application.threads.js';
import type { ThreadAllocations } from '../capture/thread.heap.js';
import { MAIN_THREAD } from '../capture/thread.selection.js';
import { captureV8Heap, liveComments, liveSamples, memorySummary } from './heap.profile.js';
import { withoutOwnFrames } from '../pprof/own.frames.js';
import type { ProfileKind, ProfileRequest } from './recording.kind.js';
import { commentsOfThreads } from './threads.comments.js';

/** @internal */
export const allocsProfile: ProfileKind = {
  name: 'allocs',
  description:
    'A sampling of all memory allocations of the given seconds, also of objects that are garbage by now; without "seconds", of live objects alone. Afterwards the heap profile starts anew.',
  parameters: {
    seconds: { kind: 'optional-window' },
    threads: true,
    debug: true,
    formats: ['pprof', 'text', 'markdown', 'heapprofile'],
  },
  caveats: [
    'with `seconds` it is all that was allocated in that time, also what is garbage by now: work for the garbage collector, and no leak',
    'values are estimates from samples: what is small and rare may be missing',
  ],
  captureV8: captureV8Heap,
  async capture(request, threads): Promise<Profile> {
    const { seconds, debug } = request;
    const startedAt = Date.now();
    const content =
      seconds === undefined
        ? await liveObjects(request, threads)
        : await allAllocations({ ...request, seconds }, threads);
    return {
      sampleTypes: [
        { type: 'alloc_objects', unit: 'count' },
        { type: 'alloc_space', unit: 'bytes' },
        { type: 'inuse_objects', unit: 'count' },
        { type: 'inuse_space', unit: 'bytes' },
      ],
      defaultSampleType: 'alloc_space',
      periodType: { type: 'space', unit: 'bytes' },
      period: threads.heaps.samplingInterval,
      startedAt,
      ...content,
      ...(debug === 0 ? {} : { details: await memorySummary(threads) }),
    };
  },
};

type Content = Pick<Profile, 'samples' | 'comments' | 'durationNanos'>;

const WORKERS_LEFT_OUT =
  'worker threads are left out, as V8 collects all garbage of a worker before it tells: ask for heap, or name them with "threads"';

/**
 * Scrapers ask for it every few seconds: it disturbs neither the heap profile nor workers, nor fails where there is
 * nothing.
 */
async function liveObjects(
  { threads: selection, signal }: ProfileRequest,
  threads: ApplicationThreads,
): Promise<Content> {
  const isOfAll = selection === 'all';
  const heaps = await threads.heaps.sampleIfPossible(isOfAll ? [MAIN_THREAD.id] : selection, signal);
  return {
    samples: heaps.results
      .flatMap((heap) => liveSamples(heap, threads.heaps.stackDepth(heap.thread)))
      .map(({ values: [objects = 0, bytes = 0], ...sample }) => ({
        ...sample,
        values: [0, 0, objects, bytes],
      })),
    comments: [
      `inuse: live objects, one sample every ${threads.heaps.samplingInterval} bytes`,
      'alloc_objects and alloc_space are 0: V8 samples either live objects or all allocations. Ask with "seconds" for all allocations of a window; the sampling of live objects starts anew after it',
      ...(isOfAll ? [WORKERS_LEFT_OUT] : []),
      ...liveComments(heaps, false),
    ],
  };
}

async function allAllocations(
  { seconds, threads: selection, signal }: ProfileRequest & { readonly seconds: number },
  threads: ApplicationThreads,
): Promise<Content> {
  const began = process.hrtime.bigint();
  const heaps = await threads.heaps.captureAllocations({ seconds, threads: selection, signal });
  return {
    samples: heaps.results.flatMap((heap) => allocatedSamples(heap, threads.heaps.stackDepth(heap.thread))),
    durationNanos: Number(process.hrtime.bigint() - began),
    comments: [
      `all allocations, one sample every ${threads.heaps.samplingInterval} bytes, also of objects that are garbage by now`,
      'inuse_objects and inuse_space are 0: V8 does not tell which of these objects are alive',
      ...commentsOfThreads(heaps, describe),
      'for this the sampling of live objects was stopped: the heap profile of these threads starts anew',
    ],
  };
}

function allocatedSamples({ thread, total, before }: ThreadAllocations, stackDepth: number): StackSample[] {
  const isCounted = total.counted && before?.counted !== false;
  const valued = (root: typeof total.root, sign: number) =>
    withoutOwnFrames(samplesOfAllocations(root, stackDepth)).map(
      ({ stack, values: [objects = 0, bytes = 0] }) => ({
        stack,
        values: [isCounted ? sign * objects : 0, sign * bytes, 0, 0],
        labels: { thread: thread.label },
      }),
    );
  return [...valued(total.root, 1), ...(before ? valued(before.root, -1) : [])];
}

function describe({ total, before }: ThreadAllocations): string {
  const details = [
    `by ${total.counted ? 'agent' : 'inspector'}`,
    ...(total.stuck ? ['its event loop got stuck'] : []),
    ...(total.counted && before?.counted !== false ? [] : ['objects not counted']),
  ];
  return ` (${details.join(', ')})`;
}
