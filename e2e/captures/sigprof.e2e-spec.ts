import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { rowsOf } from '../../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { AppProcess } from '../support/app.process.js';
import { profilerOf } from '../support/fixture.app.js';
import { request } from '../support/http.request.js';
import { goesOnFor, windowOf } from '../support/patience.js';

// V8 samples by SIGPROF. An application may listen for it, too: whatever it does, no sample ends the process or calls a
// listener, and whoever sends the signal outside of a capture reaches it.

const WINDOWS = [
  'profile?seconds=',
  'block?threshold=5&seconds=',
  'profile?format=cpuprofile&threads=main&seconds=',
];

async function start(): Promise<{ app: AppProcess; origin: string }> {
  const app = new AppProcess(fileURLToPath(new URL('fixtures/sigprof.app.mjs', import.meta.url)), {
    env: { PPROF_OPTIONS: JSON.stringify({}) },
  });
  const origin = await profilerOf(app);
  // The first request of all takes longer than others.
  await request(`${origin}/debug/pprof/profile?seconds=1`);
  return { app, origin };
}

/** Does it in the middle of a capture. */
async function during(origin: string, window: string, change: () => Promise<unknown>): Promise<void> {
  const answer = request(`${origin}/debug/pprof/${window}${windowOf(2)}`);
  await goesOnFor(1000);
  await change();
  expect((await answer).status).toBe(200);
}

describe.each(rowsOf('a capture of', WINDOWS, (window) => window === WINDOWS[0]))(
  'an application that listens for SIGPROF, and a capture of %s',
  (window) => {
    it('lives, and its listener is called for none of the samples; once the profiler has been stopped, the signal does what it did', async () => {
      const { app, origin } = await start();
      await during(origin, window, () => app.call('add'));
      expect(await app.call('calls')).toBe(0);
      app.signal('SIGPROF');
      await app.until<number>('calls', (calls) => calls === 1);
      await during(origin, window, () => app.call('remove'));
      await app.call('add');
      await during(origin, window, () => app.call('removeAll'));
      await during(origin, window, () => app.call('removeAllOften'));
      // Nobody listens, but we.
      app.signal('SIGPROF');
      await during(origin, window, () => app.call('status'));
      expect(await app.call('calls')).toBe(1);
      expect(app.hasExited).toBe(false);

      await app.call('stop');
      // Held for a little longer: V8 may still be about to end.
      await app.until<number>('listeners', (listeners) => listeners === 0);
      app.signal('SIGPROF');
      expect(await app.exited).toEqual({ code: null, signal: 'SIGPROF' });
    });
  },
);
