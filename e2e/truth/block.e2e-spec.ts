import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { AppProcess } from '../support/app.process.js';
import { profilerOf } from '../support/fixture.app.js';
import { type DecodedProfile, flat, takeProfile } from '../support/pprof.profile.js';
import { noteTruth } from './truth.table.js';

const THRESHOLD = 20;

/** The turn that is going on when a window begins or ends. */
const EDGES = 2;

interface Turn {
  readonly at: number;
  readonly millis: number;
}

let app: AppProcess;
let url: string;

async function start(options: object): Promise<{ app: AppProcess; url: string }> {
  const started = new AppProcess(fileURLToPath(new URL('fixtures/blocks.app.mjs', import.meta.url)), {
    env: { PPROF_OPTIONS: JSON.stringify(options) },
  });
  const blockUrl = `${await profilerOf(started)}/debug/pprof/block`;
  // The first one pays for starting what makes profiles.
  await takeProfile(`${blockUrl}?seconds=1`);
  return { app: started, url: blockUrl };
}

beforeAll(async () => {
  ({ app, url } = await start({ block: { watch: true, threshold: THRESHOLD } }));
});

function blocksIn(profile: DecodedProfile): { count: number; millis: number } {
  return { count: flat(profile, 'contentions/count'), millis: flat(profile, 'delay/nanoseconds') / 1e6 };
}

async function truthSince(moment: number): Promise<{ count: number; millis: number }> {
  const turns = (await app.call<Turn[]>('account')).filter(
    ({ at, millis }) => at > moment && millis > THRESHOLD,
  );
  return { count: turns.length, millis: turns.reduce((sum, { millis }) => sum + millis, 0) };
}

function expectAlike(
  what: string,
  said: { count: number; millis: number },
  truth: { count: number; millis: number },
  turn: number,
): void {
  const isRight =
    Math.abs(said.count - truth.count) <= 0.1 * truth.count + EDGES &&
    Math.abs(said.millis - truth.millis) <= 0.1 * truth.millis + EDGES * 2 * turn;
  expect({ said, truth, isRight }).toMatchObject({ isRight: true });
  const shown = ({ count, millis }: typeof said) => `${Math.round(count)} in ${Math.round(millis)} ms`;
  noteTruth({ what, said: shown(said), truth: shown(truth), tolerance: '10 %, and what is at the edges' });
}

describe.each([
  { turn: 30, pause: 1 },
  { turn: 30, pause: 7 },
  { turn: 30, pause: 23 },
  { turn: 30, pause: 200 },
  { turn: 12, pause: 7 },
])('turns of $turn ms with pauses of $pause ms', ({ turn, pause }) => {
  it('are counted where they are longer than the threshold, in their length', async () => {
    await app.call('repeat', { turn, pause });
    try {
      const before = blocksIn(await takeProfile(url));
      const since = Date.now();
      const window = await takeProfile(`${url}?seconds=4&threshold=${THRESHOLD}&threads=main`);
      const truth = await truthSince(since);
      const elapsed = Date.now() - since;
      const after = blocksIn(await takeProfile(url));
      const watched = { count: after.count - before.count, millis: after.millis - before.millis };
      // Starting and ending the window's own capture blocks the loop as well.
      const own = { count: watched.count - truth.count, millis: watched.millis - truth.millis };
      expectAlike(
        `turns of ${turn} ms, pauses of ${pause} ms, threshold ${THRESHOLD} ms, watched`,
        watched,
        truth,
        turn + own.millis,
      );
      const share = window.durationMillis / elapsed;
      expectAlike(
        `the same, in a window`,
        blocksIn(window),
        { count: truth.count * share, millis: truth.millis * share },
        turn + 40,
      );
    } finally {
      await app.call('repeat', {});
    }
  });
});

/** Milliseconds for which the main thread has had something to do and no processor, by the kernel. */
function waitedMillis(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
}

describe('an idle process', () => {
  it.each([2, 5, 20])('has not blocked its loop for longer than %i ms', async (threshold) => {
    const before = waitedMillis(app.pid);
    const profile = await takeProfile(`${url}?seconds=3&threshold=${threshold}&threads=main`);
    const { count, millis } = blocksIn(profile);
    // Where others have the processors, a turn is as long as it waits for one.
    const isRight = count === 0 || millis <= waitedMillis(app.pid) - before;
    expect({ count, millis, isRight }).toMatchObject({ isRight: true });
    noteTruth({
      what: `blocks of an idle process, threshold ${threshold} ms`,
      said: String(count),
      truth: '0',
      tolerance: 'none, but while it has no processor',
    });
  });
});

it('is of the time at which it was asked for', async () => {
  const begun = Date.now();
  const first = await takeProfile(url);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const second = await takeProfile(url);
  expect(first.startedAt).toBeGreaterThanOrEqual(begun);
  expect(second.startedAt).toBeGreaterThan(first.startedAt);
});
