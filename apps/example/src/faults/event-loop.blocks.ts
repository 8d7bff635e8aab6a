import { pbkdf2Sync } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Ways to keep an event loop from turning. Each has a name of its own, to be found in a profile. */
export const eventLoopBlocks = {
  /** One long piece of JavaScript. */
  loop: spinInLoop,
  /** A regular expression that backtracks exponentially, in one call if the estimate of its length is right. */
  regex: backtrackInRegex,
  /** JSON.stringify of something huge. */
  json: stringifyHugeCatalogue,
  /** One native call, which V8 cannot interrupt: no profiler sees into it before it returns. */
  native: hashInNativeCode,
  /** Never comes back, whatever `ms` says. The process has to be killed. */
  forever: spinForever,
  /** The loop turns, but is held up for 80 ms each time. */
  busy: holdUpEveryTurn,
} satisfies Record<string, (ms: number) => void | Promise<void>>;

export type BlockKind = keyof typeof eventLoopBlocks;

function spinInLoop(ms: number): void {
  const end = performance.now() + ms;
  let sum = 0;
  while (performance.now() < end) {
    // Enough work between two looks at the clock that the samples fall here.
    for (let i = 0; i < 50_000; i += 1) {
      sum = (sum + i) % 1_000_003;
    }
  }
}

function spinForever(): never {
  let turns = 0;
  while (true) {
    turns += 1;
  }
}

function backtrackInRegex(ms: number): void {
  const end = performance.now() + ms;
  // Every further letter doubles the time, so the length for `ms` follows from that of a short text.
  let length = 10;
  let tookMs = 0;
  while (tookMs < 4) {
    length += 1;
    tookMs = fastestOfThree(() => matchSkuList('A'.repeat(length)));
  }
  const text = 'A'.repeat(length + Math.max(0, Math.round(Math.log2(ms / tookMs))));
  do {
    matchSkuList(text);
  } while (performance.now() < end);
}

/** Looks harmless, and is for a well-formed list. `!` at the end makes it try every way to split the text. */
function matchSkuList(text: string): boolean {
  return /^(\w+[ ,-]?)+$/.test(`${text}!`);
}

function stringifyHugeCatalogue(ms: number): void {
  const end = performance.now() + ms;
  const catalogue = Array.from({ length: 100_000 }, (_, index) => ({
    sku: `SKU-${index}`,
    description: `Article ${index} of a catalogue that nobody should send in one piece`,
    prices: [index, index * 2, index * 3],
  }));
  while (performance.now() < end) {
    JSON.stringify(catalogue);
  }
}

/** Node takes no more: https://nodejs.org/api/crypto.html#cryptopbkdf2syncpassword-salt-iterations-keylen-digest */
const MOST_ITERATIONS = 2 ** 31 - 1;

function hashInNativeCode(ms: number): void {
  const sample = 10_000;
  const sampleMs = fastestOfThree(() => hashPasswordSync(sample));
  hashPasswordSync(Math.min(MOST_ITERATIONS, Math.max(1, Math.round((sample * ms) / sampleMs))));
}

function hashPasswordSync(iterations: number): Buffer {
  return pbkdf2Sync('password', 'salt', iterations, 64, 'sha512');
}

async function holdUpEveryTurn(ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    spinInLoop(80);
    await nextTurn();
  }
}

/** The first runs are slower than what comes after, and so is any that another process gets in the way of. */
function fastestOfThree(work: () => void): number {
  const times = [1, 2, 3].map(() => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return Math.min(...times);
}
