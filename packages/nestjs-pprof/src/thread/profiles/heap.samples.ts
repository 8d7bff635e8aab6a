import type { HeapRestart } from '../../shared/agent.protocol.js';
import { samplesOfAllocations } from '../pprof/allocation.tree.js';
import { type Coverage, type StackSample, syntheticFrame } from '../pprof/profile.model.js';
import type { FromThreads } from '../capture/inspected.workers.js';
import type { ThreadHeap } from '../capture/thread.heap.js';
import { withoutOwnFrames } from '../pprof/own.frames.js';

/** Memory outside V8's heap, such as buffers: V8 knows how much there is, not who allocated it. */
const EXTERNAL = syntheticFrame('(external)');

const RESTART_REASONS: Readonly<Record<HeapRestart, string>> = {
  allocs: 'when an allocs?seconds= capture gave the sampler back',
  'stopped-by-other': 'as something else in the process had stopped the sampler',
};

/** Objects and bytes that are alive in a thread, by the stack that has allocated them. @internal */
export function liveSamples({ thread, way, root, memory }: ThreadHeap, stackDepth: number): StackSample[] {
  const labels = { thread: thread.label };
  const samples = withoutOwnFrames(samplesOfAllocations(root, stackDepth)).map(
    ({ stack, values: [objects = 0, bytes = 0] }) => ({
      stack,
      // The inspector does not tell the number of objects, and none is invented.
      values: [way === 'agent' ? objects : 0, bytes],
      labels,
    }),
  );
  return memory ? [...samples, { stack: [EXTERNAL], values: [0, memory.external], labels }] : samples;
}

/** What has to be known about these numbers. @internal */
export function liveComments({ results, skipped }: FromThreads<ThreadHeap>, gc: boolean): string[] {
  return [
    `threads: ${results.map((heap) => describe(heap, gc)).join(', ') || 'none'}`,
    ...(skipped.length > 0 ? [`threads skipped: ${skipped.join('; ')}`] : []),
    ...results.flatMap(memoryComments),
  ];
}

/** @internal */
export function liveCoverage({ results, skipped }: FromThreads<ThreadHeap>): Coverage {
  return {
    origins: new Map(results.map((heap) => [heap.thread.label, originOf(heap)])),
    isPartial: skipped.length > 0,
  };
}

/** The two ways differ in what they tell: objects and external memory. */
function originOf({ way, since, asOf }: ThreadHeap): string | undefined {
  return asOf === undefined ? `${way} ${since}` : undefined;
}

function describe(heap: ThreadHeap, gc: boolean): string {
  const details = [
    `by ${heap.way}`,
    `allocations ${describeStart(heap)}`,
    ...(heap.asOf === undefined
      ? []
      : [`as of ${toIso(heap.asOf)}: an allocs?seconds= capture has the sampler since then`]),
    ...(heap.way === 'agent' ? [] : ['objects not counted']),
    ...(gc ? [describeCollection(heap)] : []),
  ];
  return `${heap.thread.label} (${details.join(', ')})`;
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
    ? 'garbage not collected: its event loop does not turn'
    : 'garbage not collected: its objects are not sampled now';
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

function toIso(millis: number): string {
  return new Date(millis).toISOString();
}
