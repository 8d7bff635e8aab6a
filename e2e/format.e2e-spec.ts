import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { addressesOf, brokenRules } from '../packages/nestjs-pprof/test-fixtures/pprof-rules.js';
import { WatchedApp } from './captures/watched.app.js';
import { describeWithGo, goToolPprof } from './support/go.tool.js';
import { onceServed, request, requestUntil } from './support/http.request.js';
import { KINDS } from './support/served.kinds.js';
import { temporaryDirectory } from './support/temporary.directory.js';

// Every profile that is served, of an application with worker threads, against the rules that clients need.

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

/** Between the two scrapes of each kind. */
const APART_MILLIS = 1000;

let directory: string;
let first: Map<string, Buffer>;
let second: Map<string, Buffer>;

beforeAll(async () => {
  const app = await WatchedApp.start({ block: { watch: true } });
  await Promise.all(['works', 'idle'].map((kind) => app.process.call('startWorker', kind)));
  await app.process.call('blockFor', 500);
  // It is told of when it is over, and when nothing of ours holds the thread up.
  await requestUntil(
    `${app.origin}/debug/pprof/block?debug=1`,
    ({ text }) => !text.startsWith('block profile: total 0:'),
  );
  // A count of all allocations takes the sampler from `heap`, which begins anew: so these come last.
  const isCount = ({ target }: Served) => target.startsWith('allocs?seconds');
  const counts = SERVED.filter(isCount);
  const others = SERVED.filter((served) => !isCount(served));
  first = await takeAll(app, others);
  await sleep(APART_MILLIS);
  second = await takeAll(app, others);
  // A thread that hardly gets a processor may be in the midst of something, and in nothing that it was in before.
  const moments = others.filter(({ target }) => target === 'goroutine');
  while (commonOf('goroutine').length === 0) {
    second = new Map([...second, ...(await takeAll(app, moments))]);
  }
  first = new Map([...first, ...(await takeAll(app, counts))]);
  second = new Map([...second, ...(await takeAll(app, counts))]);
  await app.process.kill();
  directory = await temporaryDirectory('format-');
});

/** What both scrapes have been in. */
function commonOf(target: string): string[] {
  const after = addressesOf(second.get(target)!);
  return [...addressesOf(first.get(target)!).keys()].filter((position) => after.has(position));
}

/** All at the same time. */
async function takeAll(app: WatchedApp, served: readonly Served[]): Promise<Map<string, Buffer>> {
  return new Map(
    await Promise.all(
      served.map(async ({ target }) => {
        const { status, text, body } = await onceServed(() => request(`${app.origin}/debug/pprof/${target}`));
        const answer = { target, status, text: status === 200 ? '' : text };
        expect(answer).toEqual({ target, status: 200, text: '' });
        return [target, body] as const;
      }),
    ),
  );
}

it.each(SERVED)('$target keeps the rules that clients need', ({ target, timed, withoutFrames = [] }) => {
  expect(brokenRules(first.get(target)!, { timed, withoutFrames })).toEqual([]);
});

describe('two scrapes, one after the other', () => {
  /** Those with something in them at any time. */
  const FULL = ['profile?seconds=1', 'heap', 'goroutine', 'threadcreate', 'block'];

  it.each(SERVED)('of $target have the same addresses for the same places', ({ target }) => {
    const [before, after] = [addressesOf(first.get(target)!), addressesOf(second.get(target)!)];
    const common = commonOf(target);
    expect(common.map((position) => [position, after.get(position)])).toEqual(
      common.map((position) => [position, before.get(position)]),
    );
    if (FULL.includes(target)) {
      expect(common.length).toBeGreaterThan(0);
    }
  });

  it('have the same address for a position in every kind of profile', () => {
    const known = new Map<string, number>();
    for (const body of [...first.values(), ...second.values()]) {
      for (const [position, address] of addressesOf(body)) {
        expect([position, known.get(position) ?? address]).toEqual([position, address]);
        known.set(position, address);
      }
    }
    // And none for two places.
    expect(new Set(known.values()).size).toBe(known.size);
  });
});

// From files: what there is to asking by HTTP is the same for all of them, see go-tool-pprof.e2e-spec.ts.
describeWithGo('go tool pprof', () => {
  async function fileOf(scrape: ReadonlyMap<string, Buffer>, target: string): Promise<string> {
    const file = join(
      directory,
      `${scrape === first ? 'first' : 'second'}-${target.replaceAll(/\W/g, '-')}.pb.gz`,
    );
    await writeFile(file, scrape.get(target)!);
    return file;
  }

  it.each(SERVED)('reads $target without a warning', async ({ target }) => {
    const { stdout, warnings } = await goToolPprof('-raw', await fileOf(first, target));
    expect(warnings).toEqual([]);
    expect(stdout).toMatch(/^\S+\/\S+\[dflt\]| \S+\/\S+\[dflt\]/m);
  });

  it.each(SERVED.filter(({ target }) => !target.includes('hz=')))(
    'takes the difference of two of $target without a warning',
    async ({ target }) => {
      const [base, later] = [await fileOf(first, target), await fileOf(second, target)];
      const { warnings } = await goToolPprof('-top', '-diff_base', base, later);
      expect(warnings).toEqual([]);
    },
  );
});
