import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { itExhaustive } from '../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { AppProcess } from './support/app.process.js';
import { profilerOf } from './support/fixture.app.js';
import { request, type Response } from './support/http.request.js';
import { HttpConnection } from './support/http.connection.js';
import { isStarved } from './support/patience.js';
import { KINDS } from './support/served.kinds.js';
import { ALLOY, fallenValues, OTEL, PARCA, type Scraper, type ScrapeTarget } from './scrape/scrapers.js';

// Scrapers as they are configured for Go services, against an application that is busy, and whose loop is blocked now and
// then. Their intervals are shorter here than by default; all else is as they do it.

const APP = fileURLToPath(new URL('contract/fixtures/contract.app.mjs', import.meta.url));
const SCRAPERS = [ALLOY, PARCA, OTEL];
const INTERVALS = 2;

let app: AppProcess;
let origin: string;

beforeAll(async () => {
  app = new AppProcess(APP, { env: { PPROF_OPTIONS: JSON.stringify({ block: { watch: true } }) } });
  origin = await profilerOf(app);
  await app.call('hogSecond', 1500);
});

const isServed = ({ kind }: ScrapeTarget) => KINDS.some(({ name }) => name === kind);

const missing = ALLOY.targets(1).filter((target) => !isServed(target));
for (const { kind } of missing) {
  it.todo(`${kind}, which every scraper asks for by default: not served yet`);
}

/** One target, on a connection of its own that is kept from one interval to the next, as Go's HTTP client does. */
class ScrapeLoop {
  #connection: HttpConnection | undefined;

  constructor(
    private readonly scraper: Scraper,
    readonly target: ScrapeTarget,
  ) {}

  /** Undefined where the scraper has given up. */
  async scrape(): Promise<Response | undefined> {
    const connection = (this.#connection ??= await HttpConnection.open(origin));
    const headers = { Host: new URL(origin).host, ...this.scraper.headers };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    connection.write(`GET ${this.target.target} HTTP/1.1\r\n${lines.join('')}\r\n`);
    const { timeoutMillis } = this.target;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), timeoutMillis);
    });
    const response = await Promise.race([connection.nextResponse(), timeout]);
    clearTimeout(timer);
    if (response === undefined) {
      this.stop();
    }
    return response;
  }

  stop(): void {
    this.#connection?.disconnect();
    this.#connection = undefined;
  }
}

/** The words of the server come first: what it answers instead of a profile cannot be judged as one. */
function complaintsOf(scraper: Scraper, response: Response | undefined, target: ScrapeTarget): string[] {
  if (response === undefined) {
    return ['context deadline exceeded'];
  }
  const { status, text } = response;
  return status === 200 ? scraper.complaints(response, target) : [`${status} ${text}`];
}

/** All targets of a scraper, so many times in a row. */
async function scrapeAll(
  scraper: Scraper,
  targets: readonly ScrapeTarget[],
  intervals: number,
): Promise<void> {
  await Promise.all(
    targets.filter(isServed).map(async (target) => {
      const loop = new ScrapeLoop(scraper, target);
      let previous: Response | undefined;
      for (let interval = 0; interval < intervals; interval += 1) {
        let response;
        do {
          response = await loop.scrape();
          // It then says so, and has seen it: nothing is wrong with that answer, but that there is nothing in it.
        } while (isStarved() && / and had no processor for /.test(response?.text ?? ''));
        const complaints = complaintsOf(scraper, response, target);
        expect({ target: target.target, complaints }).toEqual({ target: target.target, complaints: [] });
        if (previous && !target.target.includes('seconds=')) {
          expect(fallenValues(previous.body, response!.body)).toEqual([]);
        }
        previous = response;
      }
      loop.stop();
    }),
  );
}

describe.each(SCRAPERS)('$name', (scraper) => {
  it('finds every target up, interval after interval', () =>
    scrapeAll(scraper, scraper.targets(1), INTERVALS));

  const itEssential = scraper === ALLOY ? it : itExhaustive;

  itEssential('finds them up also where it sends "seconds" to all of them, once or twice', async () => {
    // Where its configuration has parameters, the one of the CPU profile leaks onto the others; its timeouts know of it.
    const leaked = scraper.targets(1).filter(({ kind }) => kind !== 'profile');
    for (const query of ['seconds=1', 'seconds=1&seconds=1']) {
      await scrapeAll(
        scraper,
        leaked.map((each) => ({ ...each, target: `${each.target}?${query}` })),
        1,
      );
    }
  });
});

it('several at the same time find every target up', () =>
  Promise.all(SCRAPERS.map((scraper) => scrapeAll(scraper, scraper.targets(1), INTERVALS))));

it('one that gives up too early, again and again, takes no place from the others', async () => {
  const impatient = ALLOY.targets(14).map((target) => ({
    ...target,
    target: `/debug/pprof/${target.kind}?seconds=14&seconds=14`,
    timeoutMillis: 50,
  }));
  // More often than there are places for captures.
  for (let interval = 0; interval < 10; interval += 1) {
    const answers = await Promise.all(
      impatient.filter(isServed).map((target) => new ScrapeLoop(ALLOY, target).scrape()),
    );
    expect(answers.filter((answer) => answer !== undefined && answer.status !== 429)).toEqual([]);
  }
  // What has begun holds its slot for a second, and what nobody waits for any more may begin late on a starved machine: until
  // there are slots for all that come now, for as long as they take.
  const asked = () => Promise.all(PARCA.targets(1).map(({ target }) => request(`${origin}${target}`)));
  while ((await asked()).some(({ status }) => status === 429));
  await scrapeAll(PARCA, PARCA.targets(1), 1);
});
