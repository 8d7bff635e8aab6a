import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { rowsOf } from '../../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { AppProcess } from '../support/app.process.js';
import { profilerOf } from '../support/fixture.app.js';
import { type DecodedProfile, flat, takeProfile } from '../support/pprof.profile.js';
import { expectRight } from '../support/right.figures.js';
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

function blocksIn(profile: DecodedProfile): Sum {
  return { count: flat(profile, 'contentions/count'), millis: flat(profile, 'delay/nanoseconds') / 1e6 };
}

async function truthSince(moment: number): Promise<Sum> {
  const turns = (await app.call<Turn[]>('account')).filter(
    ({ at, millis }) => at > moment && millis > THRESHOLD,
  );
  return { count: turns.length, millis: turns.reduce((sum, { millis }) => sum + millis, 0) };
}

interface Sum {
  readonly count: number;
  readonly millis: number;
}

/** @param excused milliseconds in which others had the processors */
function expectAlike(what: string, said: Sum, truth: Sum, turn: number, excused: number): void {
  const isRight =
    Math.abs(said.count - truth.count) <= 0.1 * truth.count + EDGES + excused / THRESHOLD &&
    Math.abs(said.millis - truth.millis) <= 0.1 * truth.millis + EDGES * turn + excused;
  expectRight(isRight, { said, truth, excused });
  const shown = ({ count, millis }: Sum) => `${Math.round(count)} in ${Math.round(millis)} ms`;
  noteTruth({
    what,
    said: shown(said),
    truth: shown(truth),
    tolerance: `10 %, ${EDGES} turns at the edges, ${Math.round(excused)} ms that others took`,
  });
}

/** Milliseconds for which the main thread has had something to do and no processor, by the kernel. */
function waitedMillis({ pid } = app): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
}

const ALL_TURNS = [
  { turn: 30, pause: 1 },
  { turn: 30, pause: 7 },
  { turn: 30, pause: 23 },
  { turn: 30, pause: 200 },
  { turn: 12, pause: 7 },
];
const TURNS = rowsOf('turns of', ALL_TURNS, ({ turn, pause }) => turn === 12 || pause === 23);

describe.each(TURNS)('turns of $turn ms with pauses of $pause ms', ({ turn, pause }) => {
  it('are counted where they are longer than the threshold, in their length', async () => {
    await app.call('repeat', { turn, pause });
    try {
      const waitedBefore = waitedMillis();
      const before = blocksIn(await takeProfile(url));
      const since = Date.now();
      const window = await takeProfile(`${url}?seconds=4&threshold=${THRESHOLD}&threads=main`);
      const truth = await truthSince(since);
      const elapsed = Date.now() - since;
      const after = blocksIn(await takeProfile(url));
      const waited = waitedMillis() - waitedBefore;
      expectAlike(
        `turns of ${turn} ms, pauses of ${pause} ms, threshold ${THRESHOLD} ms, watched`,
        { count: after.count - before.count, millis: after.millis - before.millis },
        truth,
        turn,
        waited,
      );
      // The turns come evenly enough.
      const share = window.durationMillis / elapsed;
      const expected = { count: truth.count * share, millis: truth.millis * share };
      expectAlike('the same, in a window', blocksIn(window), expected, turn, waited);
    } finally {
      await app.call('repeat', {});
    }
  });
});

describe('an idle process', () => {
  const THRESHOLDS = rowsOf('at a threshold of', [2, 5, 20], (threshold) => threshold === 2);

  it.each(THRESHOLDS)('has not blocked its loop for longer than %i ms', async (threshold) => {
    const before = waitedMillis();
    const profile = await takeProfile(`${url}?seconds=3&threshold=${threshold}&threads=main`);
    const { count, millis } = blocksIn(profile);
    // Where others have the processors, a turn is as long as it waits for one.
    const waited = waitedMillis() - before;
    const isRight = count === 0 || millis <= waited;
    expectRight(isRight, { count, millis, waited });
    noteTruth({
      what: `blocks of an idle process, threshold ${threshold} ms`,
      said: `${count} in ${Math.round(millis)} ms`,
      truth: '0',
      tolerance: `none beyond ${Math.round(waited)} ms without a processor`,
    });
  });
});

it('does not watch how long captures hold the loop up', async () => {
  const { app: idle, url: idleUrl } = await start({ block: { watch: true, threshold: 8 } });
  const before = blocksIn(await takeProfile(idleUrl));
  const waitedBefore = waitedMillis(idle);
  for (const query of ['profile?seconds=1&threads=main', 'block?seconds=1&threads=main', 'goroutine']) {
    await takeProfile(idleUrl.replace(/block$/, query));
  }
  const after = blocksIn(await takeProfile(idleUrl));
  const [count, millis] = [after.count - before.count, after.millis - before.millis];
  const waited = waitedMillis(idle) - waitedBefore;
  const isRight = count === 0 || millis <= waited;
  expectRight(isRight, { count, millis, waited });
  noteTruth({
    what: 'blocks of an idle process during captures, watched, threshold 8 ms',
    said: `${count} in ${Math.round(millis)} ms`,
    truth: '0',
    tolerance: `none beyond ${Math.round(waited)} ms without a processor`,
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
