import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { AppProcess } from '../support/app.process.js';
import { profilerOf } from '../support/fixture.app.js';
import { request } from '../support/http.request.js';
import { isStarved, patience, windowOf } from '../support/patience.js';
import { takeProfile } from '../support/pprof.profile.js';

// A scraper asks again and again: the sampler of the main thread runs on in between, so that it need not be started each time.

const SCRIPT = fileURLToPath(new URL('fixtures/sigprof.app.mjs', import.meta.url));

class ScrapedApp {
  private constructor(
    readonly process: AppProcess,
    readonly origin: string,
  ) {}

  static async start(keepWarm: number): Promise<ScrapedApp> {
    const process = new AppProcess(SCRIPT, { env: { PPROF_OPTIONS: JSON.stringify({ keepWarm }) } });
    return new ScrapedApp(process, await profilerOf(process));
  }

  /** What each of so many profiles, one after the other, says of the sampler. */
  async scrape(times: number, query = 'seconds=1'): Promise<string[]> {
    const said: string[] = [];
    for (let time = 0; time < times; time++) {
      const { comments, durationMillis } = await takeProfile(`${this.origin}/debug/pprof/profile?${query}`);
      expect(durationMillis).toBeLessThan(patience(2000));
      const [, state = ''] = /the sampler of main was (cold|warm)/.exec(comments.join('\n')) ?? [];
      said.push(state);
    }
    return said;
  }

  /** It runs on for as long as its start is worth, which may be too short for a starved scraper; then once more. */
  async findsWarm(query: string): Promise<void> {
    let state;
    do {
      [state] = await this.scrape(1, query);
    } while (state === 'cold' && isStarved());
    expect(state).toBe('warm');
  }

  samplerRuns(): Promise<boolean> {
    return this.process.call('samplerRuns');
  }

  stops(): Promise<boolean> {
    return this.process.until<boolean>('samplerRuns', (runs) => !runs);
  }

  async isSampled(): Promise<unknown> {
    const { text } = await request(`${this.origin}/debug/vars`);
    return (JSON.parse(text) as { sampled: unknown }).sampled;
  }
}

// At the same time, each with an application of its own: they wait for windows of a second, one after the other.
describe('a scraper', () => {
  it.concurrent(
    'finds the sampler warm from the third time on, at its rate, and nobody else is sampled for long',
    async () => {
      const app = await ScrapedApp.start(60);
      expect(await app.scrape(1)).toEqual(['cold']);
      expect([await app.samplerRuns(), await app.isSampled()]).toEqual([false, false]);
      expect(await app.scrape(3)).toEqual(['cold', 'warm', 'warm']);
      expect([await app.samplerRuns(), await app.isSampled()]).toEqual([true, true]);
      expect(await app.scrape(2, 'seconds=1&labels=false')).toEqual(['warm', 'warm']);
      expect(await app.scrape(1, 'seconds=1&hz=50')).toEqual(['cold']);
      await app.findsWarm('seconds=1&hz=50');
      await app.process.call('stop');
      await app.stops();
    },
  );

  it.concurrent('that does not come again finds nothing running', async () => {
    // Longer than it takes to ask again.
    const app = await ScrapedApp.start(windowOf(3));
    expect(await app.scrape(3)).toEqual(['cold', 'cold', 'warm']);
    await app.stops();
    expect(await app.isSampled()).toBe(false);
    expect(await app.scrape(1)).toEqual(['cold']);
  });

  it.concurrent(
    'is not waited for while the application listens for the signal that samples; where it is, that does not hold up the end of the process',
    async () => {
      const app = await ScrapedApp.start(60);
      await app.process.call('add');
      expect(await app.scrape(3)).toEqual(['cold', 'cold', 'cold']);
      expect(await app.samplerRuns()).toBe(false);
      await app.process.call('remove');
      await app.scrape(3);
      expect(await app.samplerRuns()).toBe(true);
      void app.process.call('exit', 3).catch(() => undefined);
      expect(await app.process.exited).toEqual({ code: 3, signal: null });
    },
  );
});
