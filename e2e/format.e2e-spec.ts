import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { addressesOf, brokenRules } from '../packages/nestjs-pprof/test-fixtures/pprof-rules.js';
import { WatchedApp } from './captures/watched.app.js';
import { describeWithGo, goToolPprof } from './support/go.tool.js';
import { request } from './support/http.request.js';
import { KINDS } from './support/served.kinds.js';

// Every profile that is served, of an application with worker threads, against the rules that clients need.

let app: WatchedApp;

beforeAll(async () => {
  app = await WatchedApp.start({ block: { watch: true } });
  await Promise.all(['busy', 'idle'].map((kind) => app.process.call('startWorker', kind)));
  await app.process.call('blockFor', 500);
});

interface Served {
  readonly target: string;
  readonly timed: boolean;
  readonly withoutFrames?: readonly string[];
}

/** Each kind of profile, in each of the forms in which it is served. */
const SERVED: Served[] = KINDS.flatMap(({ name, parameters: { seconds, gc } }): Served[] => {
  const withoutFrames = name === 'profile' ? ['(idle)'] : [];
  const window = { target: `${name}?seconds=1`, timed: true, withoutFrames };
  if (seconds?.kind === 'window') {
    return [
      window,
      { ...window, target: `${name}?seconds=1&threads=main` },
      { ...window, target: `${name}?seconds=1&hz=1000` },
    ];
  }
  return [
    { target: name, timed: false },
    ...(seconds === null ? [] : [window]),
    ...(gc ? [{ target: `${name}?gc=1`, timed: false }] : []),
  ];
});

async function take(target: string): Promise<Buffer> {
  const { status, text, body } = await request(`${app.origin}/debug/pprof/${target}`);
  expect({ status, text: status === 200 ? '' : text }).toEqual({ status: 200, text: '' });
  return body;
}

it.each(SERVED)(
  '$target keeps the rules that clients need',
  async ({ target, timed, withoutFrames = [] }) => {
    expect(brokenRules(await take(target), { timed, withoutFrames })).toEqual([]);
  },
);

describe('two scrapes, some seconds apart', () => {
  /** Between the two of each kind. */
  const APART_MILLIS = 3000;
  const takeEach = (served: readonly Served[]) =>
    Promise.all(served.map(async ({ target }) => [target, await take(target)] as const));
  // All at the same time, but for the count of all allocations: it takes the sampler from the differences of heaps.
  const countsAll = ({ target }: Served) => target.startsWith('allocs?seconds');
  const takeAll = async () => [
    ...(await takeEach(SERVED.filter((served) => !countsAll(served)))),
    ...(await takeEach(SERVED.filter(countsAll))),
  ];
  /** Those with something in them at any time. */
  const FULL = ['profile?seconds=1', 'heap', 'goroutine', 'threadcreate', 'block'];
  let first: Map<string, Buffer>;
  let second: Map<string, Buffer>;

  beforeAll(async () => {
    first = new Map(await takeAll());
    await sleep(APART_MILLIS);
    second = new Map(await takeAll());
  });

  it.each(SERVED)('of $target have the same addresses for the same places', ({ target }) => {
    const [before, after] = [addressesOf(first.get(target)!), addressesOf(second.get(target)!)];
    const common = [...before.keys()].filter((place) => after.has(place));
    expect(common.map((place) => [place, after.get(place)])).toEqual(
      common.map((place) => [place, before.get(place)]),
    );
    if (FULL.includes(target)) {
      expect(common.length).toBeGreaterThan(0);
    }
  });

  it('have the same address for a place in every kind of profile', () => {
    const known = new Map<string, number>();
    for (const body of [...first.values(), ...second.values()]) {
      for (const [place, address] of addressesOf(body)) {
        expect([place, known.get(place) ?? address]).toEqual([place, address]);
        known.set(place, address);
      }
    }
    // And none for two places.
    expect(new Set(known.values()).size).toBe(known.size);
  });
});

describeWithGo('go tool pprof', () => {
  it.each(SERVED)('reads $target without a warning', async ({ target }) => {
    const url = `${app.origin}/debug/pprof/${target}`;
    const { stdout, warnings } = await goToolPprof('-raw', url);
    expect(warnings).toEqual([]);
    expect(stdout).toMatch(/^\S+\/\S+\[dflt\]| \S+\/\S+\[dflt\]/m);
  });

  it.each(SERVED.filter(({ target }) => !target.includes('hz=')))(
    'takes the difference of two of $target without a warning',
    async ({ target }) => {
      const url = `${app.origin}/debug/pprof/${target}`;
      const { warnings } = await goToolPprof('-top', '-diff_base', url, url);
      expect(warnings).toEqual([]);
    },
  );
});
