import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { fakeSleep } from '../../../test-fixtures/fake-sleep.js';
import { brokenRules, readPprof } from '../../../test-fixtures/pprof-rules.js';
import { encodePprof } from '../pprof/pprof.encoder.js';
import type { Coverage, Profile, StackSample } from '../pprof/profile.model.js';
import { SourceMaps } from '../pprof/source.maps.js';
import { Symbolizer } from '../pprof/profile.symbolizer.js';
import type { ApplicationThreads } from '../capture/application.threads.js';
import type { ProfileKind, ProfileRequest } from './recording.kind.js';

jest.unstable_mockModule('node:timers/promises', () => ({ setTimeout: fakeSleep }));
const { captureDelta } = await import('./profile.recording.js');

const NOW = Date.UTC(2026, 10, 23);
const threads = {} as ApplicationThreads;

beforeEach(() => {
  jest.useFakeTimers({ now: NOW });
});

afterEach(() => {
  jest.useRealTimers();
});

function sample(functionName: string, ...values: number[]): StackSample {
  return {
    stack: [{ functionName, file: '/app/a.js', line: 1, column: 1 }],
    values,
    labels: { thread: 'main' },
  };
}

/** A kind whose profiles show these samples, one set after the other. */
function kindShowing(...sets: StackSample[][]) {
  const capture = jest.fn<ProfileKind['capture']>(() =>
    Promise.resolve({
      sampleTypes: [
        { type: 'inuse_objects', unit: 'count' },
        { type: 'inuse_space', unit: 'bytes' },
      ],
      periodType: { type: 'space', unit: 'bytes' },
      period: 1,
      samples: sets.shift()!,
      startedAt: Date.now(),
      comments: [`${sets.length} sets left`],
    }),
  );
  return { capture } as unknown as ProfileKind & { capture: typeof capture };
}

function requestOf(seconds: number, signal = new AbortController().signal) {
  return { seconds, signal } as ProfileRequest & { seconds: number };
}

async function deltaOf(kind: ProfileKind, seconds = 5): Promise<Profile> {
  const capturing = captureDelta(kind, requestOf(seconds), threads);
  await jest.advanceTimersByTimeAsync(seconds * 1000);
  return capturing;
}

describe('captureDelta', () => {
  it('captures twice, with the same request, so many seconds apart', async () => {
    const kind = kindShowing([], []);
    const request = requestOf(5);
    const capturing = captureDelta(kind, request, threads);
    await jest.advanceTimersByTimeAsync(4999);
    expect(kind.capture).toHaveBeenCalledTimes(1);
    await jest.advanceTimersByTimeAsync(1);
    await capturing;
    expect(kind.capture.mock.calls).toEqual([
      [request, threads],
      [request, threads],
    ]);
  });

  it('gives, once it is encoded, what came and what has gone; what stayed is not there', async () => {
    const kind = kindShowing(
      [sample('grown', 1, 100), sample('stayed', 3, 300), sample('gone', 2, 200)],
      [sample('grown', 4, 400), sample('stayed', 3, 300), sample('new', 5, 500)],
    );
    const symbolized = await new Symbolizer(new SourceMaps(), '/app').symbolize(await deltaOf(kind));
    const body = await encodePprof(symbolized, '/app/a.js');
    expect(brokenRules(body, { timed: true })).toEqual([]);
    const { samples } = readPprof(body);
    expect(Object.fromEntries(samples.map(({ stack, values }) => [stack[0]?.name, values]))).toEqual({
      'grown (a.js)': [3, 300],
      'gone (a.js)': [-2, -200],
      'new (a.js)': [5, 500],
    });
  });

  it('begins with the first of the two, lasts so many seconds, and has the comments of the second', async () => {
    expect(await deltaOf(kindShowing([], []), 7)).toMatchObject({
      startedAt: NOW,
      durationNanos: 7e9,
      comments: ['0 sets left'],
    });
  });

  it('does not change the first profile, which may be held elsewhere', async () => {
    const before = [sample('a', 1, 2)];
    await deltaOf(kindShowing(before, []));
    expect(before[0]?.values).toEqual([1, 2]);
  });

  it('ends at once when the client has gone away', async () => {
    const controller = new AbortController();
    const kind = kindShowing([], []);
    const rejected = expect(
      captureDelta(kind, requestOf(3600, controller.signal), threads),
    ).rejects.toMatchObject({
      name: 'AbortError',
    });
    await jest.advanceTimersByTimeAsync(1000);
    controller.abort();
    await rejected;
    expect(kind.capture).toHaveBeenCalledTimes(1);
  });

  describe('leaves out threads that have no difference', () => {
    const of = (thread: string) => ({ ...sample('a', 1, 100), labels: { thread } });

    /** A kind whose profiles are of these threads, with what their values are counted from. */
    function kindCovering(...moments: Array<Pick<Coverage, 'isPartial'> & { origins: object }>): ProfileKind {
      const kind = kindShowing(...moments.map(({ origins }) => Object.keys(origins).map(of)));
      const { capture } = kind;
      const covering: ProfileKind['capture'] = async (...args) => {
        const { origins, isPartial } = moments.shift()!;
        return {
          ...(await capture(...args)),
          coverage: { origins: new Map(Object.entries(origins)), isPartial },
        };
      };
      return { ...kind, capture: covering };
    }

    const whole = { isPartial: false };
    const partial = { isPartial: true };

    it.each<[string, Parameters<typeof kindCovering>, string[]]>([
      [
        'sampled anew',
        [
          { ...whole, origins: { main: '1', worker: '1' } },
          { ...whole, origins: { main: '2', worker: '1' } },
        ],
        ['main'],
      ],
      [
        'never comparable',
        [
          { ...whole, origins: { main: undefined, worker: '1' } },
          { ...whole, origins: { main: undefined, worker: '1' } },
        ],
        ['main'],
      ],
      [
        'not taken at the end',
        [
          { ...whole, origins: { main: '1', worker: '1' } },
          { ...partial, origins: { worker: '1' } },
        ],
        ['main'],
      ],
      [
        'not taken at the beginning',
        [
          { ...partial, origins: { worker: '1' } },
          { ...whole, origins: { main: '1', worker: '1' } },
        ],
        ['main'],
      ],
    ])('%s', async (_name, moments, excluded) => {
      const { samples, comments } = await deltaOf(kindCovering(...moments));
      expect(samples.map(({ labels }) => labels?.['thread'])).toEqual(['worker', 'worker']);
      expect(comments.at(-1)).toMatch(
        new RegExp(`^threads left out of the difference: ${excluded.join()}: [^;]*$`),
      );
    });

    it('but not those that have started or ended, where none was skipped', async () => {
      const kind = kindCovering(
        { ...whole, origins: { ended: '1', stays: '1' } },
        { ...whole, origins: { started: '1', stays: '1' } },
      );
      const { samples, comments } = await deltaOf(kind);
      expect(samples.map(({ labels, values }) => [labels?.['thread'], values[1]])).toEqual([
        ['started', 100],
        ['stays', 100],
        ['ended', -100],
        ['stays', -100],
      ]);
      expect(comments).toEqual(['0 sets left']);
    });

    it('and fails where none is left', async () => {
      const kind = kindCovering({ ...whole, origins: { main: '1' } }, { ...whole, origins: { main: '2' } });
      const capturing = captureDelta(kind, requestOf(1), threads);
      const rejected = expect(capturing).rejects.toThrow(
        /^there is no difference to report, ask again: main: .*allocs\?seconds=/,
      );
      await jest.advanceTimersByTimeAsync(1000);
      await rejected;
    });
  });
});
