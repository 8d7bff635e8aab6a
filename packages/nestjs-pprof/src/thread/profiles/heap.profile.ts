import type { HeapRestart } from '../../shared/agent.protocol.js';
import { residentBytes } from '../../shared/memory.usage.js';
import { LIVE_OBJECTS, samplesOfAllocations } from '../pprof/allocation.tree.js';
import { withoutOwnFrames } from '../pprof/own.frames.js';
import { type Profile, type StackSample, syntheticFrame } from '../pprof/profile.model.js';
import type { V8HeapProfile } from '../pprof/v8.profiles.js';
import type { ApplicationThreads } from '../capture/application.threads.js';
import type { ThreadHeap } from '../capture/thread.heap.js';
import type { FromThreads } from '../capture/thread.selection.js';
import { singleThread } from './query.parameters.js';
import type { ProfileKind, ProfileRequest } from './recording.kind.js';
import { commentsOfThreads, coverageOf } from './threads.comments.js';

/** Memory outside V8's heap, such as buffers: V8 knows how much there is, not who allocated it. */
const EXTERNAL = syntheticFrame('(external)');

const RESTART_REASONS: Readonly<Record<HeapRestart, string>> = {
  allocs: 'when an allocs?seconds= capture gave the sampler back',
  'stopped-by-other': 'as something else in the process had stopped the sampler',
};

/** @internal */
export const heapProfile: ProfileKind = {
  name: 'heap',
  description:
    'A sampling of memory allocations of live objects. Use gc=1 to run a garbage collection before taking the sample.',
  parameters: {
    seconds: { kind: 'delta' },
    threads: true,
    gc: true,
    debug: true,
    formats: ['pprof', 'text', 'markdown', 'heapprofile'],
  },
  caveats: [
    'it is what was allocated where and is still alive, not who keeps it alive; garbage that is not collected yet counts as alive unless `gc=1` was asked for',
    'values are estimates from samples: what is small and rare may be missing',
    '`(external)` is memory outside of the heap of V8, such as buffers, which nobody is named for',
    'what has grown once (a cache, code that was loaded) is no leak: compare again later',
  ],
  captureV8: captureV8Heap,
  async capture({ threads: selection, gc, debug, signal }, threads): Promise<Profile> {
    const startedAt = Date.now();
    const heaps = await threads.heaps.sample(selection, gc, signal);
    return {
      sampleTypes: LIVE_OBJECTS,
      periodType: { type: 'space', unit: 'bytes' },
      period: threads.heaps.samplingInterval,
      samples: heaps.results.flatMap((heap) => liveSamples(heap, threads.heaps.stackDepth(heap.thread))),
      startedAt,
      comments: [
        `live objects, one sample every ${threads.heaps.samplingInterval} bytes`,
        ...liveComments(heaps, gc),
      ],
      coverage: coverageOf(heaps, originOf),
      ...(debug === 0 ? {} : { details: await memorySummary(threads) }),
    };
  },
};

/** Live objects as V8 has them. @internal */
export async function captureV8Heap(
  { threads: selection, gc, signal }: ProfileRequest,
  threads: ApplicationThreads,
): Promise<V8HeapProfile> {
  const thread = singleThread(selection, 'format=heapprofile');
  return threads.heaps.sampleV8Profile({ thread, gc, signal });
}

/** Objects and bytes that are alive in a thread, by the stack that has allocated them. @internal */
export function liveSamples({ thread, by, root, memory }: ThreadHeap, stackDepth: number): StackSample[] {
  const labels = { thread: thread.label };
  const samples = withoutOwnFrames(samplesOfAllocations(root, stackDepth)).map(
    ({ stack, values: [objects = 0, bytes = 0] }) => ({
      stack,
      // The inspector does not tell the number of objects, and none is invented.
      values: [by === 'agent' ? objects : 0, bytes],
      labels,
    }),
  );
  return memory ? [...samples, { stack: [EXTERNAL], values: [0, memory.external], labels }] : samples;
}

/** What has to be known about these numbers. @internal */
export function liveComments(heaps: FromThreads<ThreadHeap>, gc: boolean): string[] {
  return [
    ...commentsOfThreads(heaps, (heap) => describe(heap, gc)),
    ...heaps.results.flatMap(memoryComments),
  ];
}

/** Agent and inspector differ in what they tell: objects and external memory. */
function originOf({ by, since, asOf }: ThreadHeap): string | undefined {
  return asOf === undefined ? `${by} ${since}` : undefined;
}

function describe(heap: ThreadHeap, gc: boolean): string {
  const details = [
    `by ${heap.by}`,
    `allocations ${describeStart(heap)}`,
    ...(heap.asOf === undefined
      ? []
      : [`as of ${toIso(heap.asOf)}: an allocs?seconds= capture has the sampler since then`]),
    ...(heap.by === 'agent' ? [] : ['objects not counted']),
    ...(gc ? [describeCollection(heap)] : []),
  ];
  return ` (${details.join(', ')})`;
}

function describeStart({ since, restarted }: ThreadHeap): string {
  const reason = restarted ? `, ${RESTART_REASONS[restarted]}` : '';
  return `${since === undefined ? 'from start-up on' : `since ${toIso(since)}`}${reason}`;
}

function describeCollection({ collected, asOf }: ThreadHeap): string {
  if (collected) {
    return 'garbage collected';
  }
  return asOf === undefined
    ? 'garbage not collected: its event loop did not turn within 2 s'
    : 'garbage not collected: its objects are not sampled now';
}

function memoryComments({ thread, memory }: ThreadHeap): string[] {
  if (!memory) {
    return [];
  }
  const parts = Object.entries(memory).map(([name, bytes]) => `${name} ${bytes ?? 'not known'}`);
  return [
    `process.memoryUsage() of ${thread.label} in bytes: ${parts.join(', ')}`,
    `${EXTERNAL.functionName} is memory outside V8's heap, such as buffers; its objects are not counted`,
  ];
}

function toIso(millis: number): string {
  return new Date(millis).toISOString();
}

/**
 * Memory of the process to read, where Go has `# runtime.MemStats`; of a loop that does not answer, what is known.
 *
 * @internal
 */
export async function memorySummary(threads: ApplicationThreads): Promise<string[]> {
  const { description } = await threads.observeLoop();
  if (!description) {
    return [
      'process.memoryUsage() in bytes; all but rss is not known, as the event loop of the main thread has not answered',
      `rss = ${residentBytes() ?? 'not known'}`,
    ];
  }
  const { memory, heap, heapSpaces } = description;
  return [
    'process.memoryUsage() in bytes',
    ...entries(memory),
    'v8.getHeapStatistics() of main, sizes in bytes',
    ...entries(heap),
    'v8.getHeapSpaceStatistics() of main in bytes: used / committed, available',
    ...heapSpaces.map(
      (space) =>
        `${space['space_name']} = ${space['space_used_size']} / ${space['space_size']}, ${space['space_available_size']}`,
    ),
  ];
}

function entries(values: object): string[] {
  return Object.entries(values).map(([name, value]) => `${name} = ${value ?? 'not known'}`);
}
