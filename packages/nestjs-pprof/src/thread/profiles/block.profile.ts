import type { Profile, StackSample } from '../pprof/profile.model.js';
import { withoutOwnFrames } from '../pprof/own.frames.js';
import { withLabelsOfStacks } from './sample.labels.js';
import type { ProfileKind } from './recording.kind.js';

const CONTENTIONS = { type: 'contentions', unit: 'count' };
const DELAY = { type: 'delay', unit: 'nanoseconds' };

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
  async capture({ seconds, thresholdMillis, threads: selection, labels, signal }, threads): Promise<Profile> {
    const startedAt = Date.now();
    const common = { sampleTypes: [CONTENTIONS, DELAY], periodType: CONTENTIONS, period: 1 };
    if (seconds === undefined) {
      const { blockWatcher: watcher, recorder } = threads;
      return watcher
        ? {
            ...common,
            ...(await withLabelsOfStacks(
              {
                samples: withoutOwnFrames(await watcher.collected()).map((sample) => ({
                  ...sample,
                  labels: { ...(labels ? sample.labels : {}), thread: 'main' },
                })),
                comments: [
                  `threads: main, watched since ${new Date(watcher.startedAt).toISOString()}`,
                  `turns of the event loop longer than ${watcher.thresholdMillis} ms; ${
                    recorder
                      ? `stacks are those that the flight recorder has seen, ${recorder.hz} times a second`
                      : 'stacks are seen of those longer than 100 ms'
                  }`,
                ],
              },
              labels,
              threads,
            )),
            // Stores sort by it, and refuse what is old: it is when this was asked for, and the comment says since when.
            startedAt,
          }
        : {
            ...common,
            samples: [],
            startedAt,
            comments: [
              'nothing is collected: ask with "seconds" for a window, or set "block: { watch: true }" in the options of PprofModule',
            ],
          };
    }
    const { results, skipped } = await threads.blocks.capture({
      seconds,
      thresholdMillis,
      threads: selection,
      signal,
    });
    const samples = results.flatMap(({ thread, samples: ofThread }): StackSample[] =>
      withoutOwnFrames(ofThread).map((sample) => ({ ...sample, labels: { thread: thread.label } })),
    );
    const comments = [
      `turns of the event loop longer than ${thresholdMillis} ms`,
      `threads: ${results.map(({ thread, stuck }) => `${thread.label}${stuck ? ' (its event loop is stuck)' : ''}`).join(', ')}`,
      ...(skipped.length > 0 ? [`threads skipped: ${skipped.join('; ')}`] : []),
      ...results.flatMap(({ thread, note }) => (note ? [`${thread.label}: ${note}`] : [])),
      'of worker threads: stretches without an idle moment, which may be several turns in a row',
    ];
    return {
      ...common,
      ...(await withLabelsOfStacks({ samples, comments }, labels, threads)),
      startedAt,
      durationNanos: Math.max(...results.map(({ durationNanos }) => durationNanos)),
    };
  },
};
