import { describe, expect, it } from '@jest/globals';
import { encodeAddonProfile } from '../../../test-fixtures/addon-profile.js';
import type { SegmentLabels } from '../../shared/agent.protocol.js';
import type { CpuCapture } from '../capture/cpu.capturer.js';
import { MAIN_THREAD } from '../capture/thread.selection.js';
import type { Labels } from '../pprof/profile.model.js';
import { cpuSamplesOf } from './cpu.samples.js';

const MS = 1e6;

const NONE = -1;

/** A capture of main at 1000 Hz, in which one stack was seen once for each of these labels. */
function captureOf(
  labelsOfSamples: readonly number[],
  labels: SegmentLabels | null,
  over: { asked?: boolean; hits?: number } = {},
): CpuCapture {
  const hits = over.hits ?? labelsOfSamples.length;
  const stack = [{ name: 'run', file: '/app/a.js', line: 1, column: 1 }];
  const rows = labelsOfSamples.flatMap((label, index) => [index * 1000, MS, 0, label]);
  return {
    selection: 'all',
    hz: 1000,
    labels: over.asked ?? true,
    threads: [
      {
        by: 'agent',
        thread: MAIN_THREAD,
        segments: [
          {
            profile: encodeAddonProfile([{ stack, values: [hits, hits * MS, 1] }], 1e9),
            sampleLog: new Uint8Array(Float64Array.from(rows).buffer),
            labels,
            hz: 1000,
            startedAt: 0,
            durationNanos: 1e9,
            processCpuNanos: hits * MS,
            mainCpuNanos: hits * MS,
            samplerStuck: 0,
          },
        ],
      },
    ],
    skipped: [],
    ended: [],
    processCpuNanos: hits * MS,
    profilerCpuNanos: 0,
    startedAt: 0,
    durationNanos: 1e9,
  };
}

const CATS = { route: 'GET /cats' };
const DOGS = { route: 'GET /dogs', tenant: 'a' };

function told(sets: readonly Labels[], over: Partial<SegmentLabels> = {}): SegmentLabels {
  return { sets, missing: null, omitted: [], ...over };
}

describe('labels of CPU samples', () => {
  it('share the samples, the wall time and the CPU time of a stack out', () => {
    const { samples, comments } = cpuSamplesOf(
      captureOf([0, 1, 0, NONE, 0, 1], told([CATS, DOGS]), { hits: 8 }),
    );
    const byRoute = samples.map(({ labels, values }) => [labels, values]);
    expect(byRoute).toEqual([
      [{ ...CATS, thread: 'main' }, [3, 3 * MS, 3 * MS]],
      [{ ...DOGS, thread: 'main' }, [2, 2 * MS, 2 * MS]],
      [{ thread: 'main' }, [1, MS, MS]],
      // Of which the addon has no context.
      [{ thread: 'main' }, [2, 2 * MS, 2 * MS]],
    ]);
    expect(comments).toContain('labels of main: by async context');
  });

  it('are those of the thread alone where nobody has asked for them', () => {
    const { samples, comments } = cpuSamplesOf(captureOf([0, 1], told([CATS, DOGS]), { asked: false }));
    expect(samples.map(({ labels }) => labels)).toEqual([{ thread: 'main' }, { thread: 'main' }]);
    expect(comments.join('\n')).not.toMatch(/label/);
  });

  it('cannot take the name of the thread', () => {
    const { samples } = cpuSamplesOf(captureOf([0], told([{ thread: 'mine' }])));
    expect(samples[0]!.labels).toEqual({ thread: 'main' });
  });

  it.each([
    [null, 'labels: off, by the option "labels" of PprofModule'],
    [told([], { missing: 'no frames' }), 'labels of main are not by async context: no frames'],
    [told([], { omitted: ['a bad name'] }), 'labels left out: a bad name'],
  ])('are missing with a reason (%j)', (labels, comment) => {
    expect(cpuSamplesOf(captureOf([NONE], labels)).comments).toContain(comment);
  });

  it('end with the sampler that they began with, which a comment says', () => {
    const capture = captureOf([0], told([CATS]));
    const [main] = capture.threads;
    const [segment] = main!.by === 'agent' ? main!.segments : [];
    const commentsOn = (...startMillis: (number | undefined)[]) =>
      cpuSamplesOf({
        ...capture,
        threads: [
          {
            by: 'agent',
            thread: MAIN_THREAD,
            segments: startMillis.map((millis, index) => ({
              ...segment!,
              startedAt: index * 1000,
              startMillis: millis,
            })),
          },
        ],
      }).comments.filter((comment) => comment.includes('anew'));
    expect(commentsOn(5, undefined, undefined)).toEqual([]);
    expect(commentsOn(undefined, 5)).toEqual([
      'the sampler of main was started anew at 1970-01-01T00:00:01.000Z: requests and tasks that ran then have no labels from then on',
    ]);
  });

  it('have at most 1000 values of a name, those with the most samples', () => {
    const sets = Array.from({ length: 1003 }, (_, index) => ({ id: String(index), route: 'GET /' }));
    const most = [...sets.keys(), ...[...sets.keys()].slice(3)];
    const { samples, comments } = cpuSamplesOf(captureOf(most, told(sets)));
    const others = samples.filter(({ labels }) => labels?.id === 'other');
    expect(others.map(({ values }) => values[0])).toEqual([1, 1, 1]);
    expect(new Set(samples.map(({ labels }) => labels?.id)).size).toBe(1001);
    expect(samples.every(({ labels }) => labels?.route === 'GET /')).toBe(true);
    expect(comments).toContain('labels: of id, the 1000 values with the most samples; 3 more are "other"');
  });
});
