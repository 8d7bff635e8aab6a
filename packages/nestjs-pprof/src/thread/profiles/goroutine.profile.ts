import { type Profile, type StackSample, syntheticFrame } from '../pprof/profile.model.js';
import { IDLE } from '../pprof/v8.profiles.js';
import type { ThreadStack } from '../capture/stack.capturer.js';
import type { ProfileKind } from './recording.kind.js';
import { commentsOfThreads, coverageOf } from './threads.comments.js';

const COUNT = { type: 'goroutine', unit: 'count' };
const WAITING = syntheticFrame(IDLE);

/** @internal */
export const goroutineProfile: ProfileKind = {
  name: 'goroutine',
  description:
    'Stack traces of all current threads, also of those whose event loop is stuck. Use debug=2 as a query parameter to export in the same format as an unrecovered panic.',
  parameters: {
    seconds: { kind: 'delta' },
    threads: true,
    debug: true,
    formats: ['pprof', 'text'],
  },
  hasDump: true,
  async capture({ threads: selection, signal }, threads): Promise<Profile> {
    const startedAt = Date.now();
    const stacks = await threads.stacks.capture(selection, signal);
    return {
      sampleTypes: [COUNT],
      periodType: COUNT,
      period: 1,
      samples: stacks.results.map(sampleOf),
      startedAt,
      comments: [
        ...commentsOfThreads(stacks, ({ state }) => ` (${state})`),
        `${IDLE} waits for events in its event loop; the innermost line is the one that is executing, others are where their function starts`,
      ],
      coverage: coverageOf(stacks),
    };
  },
};

function sampleOf(of: ThreadStack): StackSample {
  const { thread, state, frames, silentSince, starved, activeResources } = of;
  const notes = [
    ...(silentSince === undefined ? [] : [`event loop has not turned since ${describeSince(silentSince)}`]),
    // Whether it is stuck as well cannot be told then: it may be about to turn.
    ...(starved === undefined
      ? []
      : [`it had no processor for ${Math.round(starved * 100)} % of the time that it was waited for`]),
    ...(activeResources ? [`active resources: ${summarize(activeResources)}`] : []),
  ];
  return {
    stack: frames.length > 0 ? frames : [WAITING],
    values: [1],
    labels: { thread: thread.label, state },
    notes,
  };
}

function describeSince(epochMillis: number): string {
  const seconds = ((Date.now() - epochMillis) / 1000).toFixed(1);
  return `${new Date(epochMillis).toISOString()} (${seconds} s ago, give or take half a second)`;
}

/** `2 TCPServerWrap, 1 Timeout`, the most frequent first. */
function summarize(resources: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const resource of resources) {
    counts.set(resource, (counts.get(resource) ?? 0) + 1);
  }
  const byCount = [...counts].toSorted(([, a], [, b]) => b - a);
  return byCount.map(([resource, count]) => `${count} ${resource}`).join(', ') || 'none';
}
