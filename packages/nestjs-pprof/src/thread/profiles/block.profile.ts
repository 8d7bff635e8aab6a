import type { ApplicationThreads } from '../capture/application.threads.js';
import { labelledByStack } from '../pprof/handler.frames.js';
import { withoutOwnFrames } from '../pprof/own.frames.js';
import type { Profile, StackSample } from '../pprof/profile.model.js';
import type { ProfileKind, ProfileRequest } from './recording.kind.js';
import { commentsOfThreads } from './threads.comments.js';

const CONTENTIONS = { type: 'contentions', unit: 'count' };

/** @internal */
export const blockProfile: ProfileKind = {
  name: 'block',
  description:
    'Stack traces that kept an event loop from turning, with the time they did: of the given seconds or, where "block.watch" is on, since start-up.',
  parameters: {
    seconds: { kind: 'optional-window' },
    threads: true,
    threshold: true,
    labels: true,
    debug: true,
    formats: ['pprof', 'text', 'markdown'],
  },
  caveats: [
    'it is the time in which an event loop could not turn, and all requests had to wait, by what ran then; turns shorter than the threshold are not in it',
    'a turn that runs many callbacks one after the other is one block: its time is shared out among what was seen in it',
  ],
  async capture(request, threads): Promise<Profile> {
    const startedAt = Date.now();
    const { seconds, labels } = request;
    const blocks =
      seconds === undefined
        ? await watchedBlocks(request, threads)
        : await blocksOf(request, seconds, threads);
    return {
      sampleTypes: [CONTENTIONS, { type: 'delay', unit: 'nanoseconds' }],
      periodType: CONTENTIONS,
      period: 1,
      // Stores sort by it, and refuse what is old: since when the watch is on, a comment says.
      startedAt,
      ...blocks,
      ...(labels ? await labelledByStack(blocks, threads.handlers) : {}),
    };
  },
};

type Blocks = Pick<Profile, 'samples' | 'comments' | 'durationNanos'>;

async function watchedBlocks({ labels }: ProfileRequest, threads: ApplicationThreads): Promise<Blocks> {
  const { blockWatcher: watcher, recorder } = threads;
  if (!watcher) {
    return {
      samples: [],
      comments: [
        'nothing is collected: ask with "seconds" for a window, or set "block: { watch: true }" in the options of PprofModule',
      ],
    };
  }
  const seen = recorder
    ? `stacks are those that the flight recorder has seen, ${recorder.hz} times a second`
    : 'stacks are seen of those longer than 100 ms';
  return {
    samples: withoutOwnFrames(await watcher.collected()).map((sample) => ({
      ...sample,
      labels: { ...(labels ? sample.labels : {}), thread: 'main' },
    })),
    comments: [
      `threads: main, watched since ${new Date(watcher.startedAt).toISOString()}`,
      `turns of the event loop longer than ${watcher.thresholdMillis} ms; ${seen}`,
    ],
  };
}

async function blocksOf(
  { thresholdMillis, threads: selection, signal }: ProfileRequest,
  seconds: number,
  threads: ApplicationThreads,
): Promise<Blocks> {
  const blocks = await threads.blocks.capture({ seconds, thresholdMillis, threads: selection, signal });
  return {
    samples: blocks.results.flatMap(({ thread, samples }): StackSample[] =>
      withoutOwnFrames(samples).map((sample) => ({ ...sample, labels: { thread: thread.label } })),
    ),
    durationNanos: Math.max(...blocks.results.map(({ durationNanos }) => durationNanos)),
    comments: [
      `turns of the event loop longer than ${thresholdMillis} ms`,
      ...commentsOfThreads(blocks, ({ stuck }) => (stuck ? ' (its event loop is stuck)' : '')),
      'of worker threads: stretches without an idle moment, which may be several turns in a row',
    ],
  };
}
