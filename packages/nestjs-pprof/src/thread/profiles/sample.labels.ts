import type { CpuCapture } from '../capture/cpu.capturer.js';
import { segmentsOf } from './cpu.segment.js';
import type { Labelled } from '../pprof/handler.frames.js';
import type { Labels, StackSample } from '../pprof/profile.model.js';

/** Stores of profiles make a series of each value. */
const MAX_VALUES = 1000;

const OTHER = 'other';

/** The labels of what was sampled, within bounds, and what is to be said of them. @internal */
export function boundedLabels(capture: CpuCapture, samples: readonly StackSample[]): Labelled {
  if (!capture.labels) {
    return { samples, comments: [] };
  }
  const kept = mostUsed(samples);
  return {
    samples:
      kept.size === 0
        ? samples
        : samples.map((sample) => ({ ...sample, labels: bounded(sample.labels ?? {}, kept) })),
    comments: [
      ...commentsOn(capture),
      ...[...kept].map(
        ([name, { others }]) =>
          `labels: of ${name}, the ${MAX_VALUES} values with the most samples; ${others} more are "${OTHER}"`,
      ),
    ],
  };
}

interface Kept {
  readonly values: ReadonlySet<string>;
  readonly others: number;
}

/** Of the names that have too many values, the values with the most samples. */
function mostUsed(samples: readonly StackSample[]): ReadonlyMap<string, Kept> {
  const hits = new Map<string, Map<string, number>>();
  for (const { labels = {}, values } of samples) {
    for (const [name, value] of Object.entries(labels)) {
      const ofName = hits.get(name) ?? new Map<string, number>();
      hits.set(name, ofName.set(value, (ofName.get(value) ?? 0) + (values[0] ?? 0)));
    }
  }
  return new Map(
    [...hits]
      .filter(([, ofName]) => ofName.size > MAX_VALUES)
      .map(([name, ofName]) => {
        const values = [...ofName].toSorted(([, a], [, b]) => b - a).slice(0, MAX_VALUES);
        return [name, { values: new Set(values.map(([value]) => value)), others: ofName.size - MAX_VALUES }];
      }),
  );
}

function bounded(labels: Labels, kept: ReadonlyMap<string, Kept>): Labels {
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [
      name,
      kept.get(name)?.values.has(value) === false ? OTHER : value,
    ]),
  );
}

/** How the labels came about, or why there are none. */
function commentsOn(capture: CpuCapture): string[] {
  const segments = segmentsOf(capture);
  if (segments.length === 0) {
    return [];
  }
  const told = segments.flatMap(({ labels }) => labels ?? []);
  if (told.length === 0) {
    return ['labels: off, by the option "labels" of PprofModule'];
  }
  const missing = new Set(told.flatMap((labels) => labels.missing ?? []));
  const omitted = new Set(told.flatMap((labels) => labels.omitted));
  return [
    ...(missing.size === 0
      ? ['labels of main: by async context']
      : [...missing].map((reason) => `labels of main are not by async context: ${reason}`)),
    ...[...omitted].map((reason) => `labels left out: ${reason}`),
    // The contexts of requests, and of tasks, are of the sampler that they began with.
    ...segments
      .slice(1)
      .filter(({ startMillis, labels }) => startMillis !== undefined && labels && !labels.missing)
      .map(
        ({ startedAt }) =>
          `the sampler of main was started anew at ${new Date(startedAt).toISOString()}: requests and tasks that ran then have no labels from then on`,
      ),
  ];
}
