import { afterEach, expect, it } from '@jest/globals';
import { killProcesses } from '../support/app.process.js';
import { describeWithQuota, launcherWith } from '../support/quota.tool.js';
import { pause, RecordedApp } from './recorder.app.js';

// Half a minute has to pass until it is an incident.

interface Incident {
  readonly kind: string;
  readonly text: string;
  readonly processors: { readonly used: number; readonly main: number; readonly mainWaited: number };
}

describeWithQuota('an application that wants more than its quota', () => {
  afterEach(killProcesses);

  it('is an incident, which says who kept it from running, also where neighbours have what the quota leaves', async () => {
    const app = new RecordedApp(
      { flightRecorder: {} },
      { launcher: launcherWith({ cpus: 0.2, memory: '512M' }) },
    );
    await app.process.call('enter', 'phaseOne');
    await app.recorded();
    await app.process.call('stick');
    let found: Incident | undefined;
    while (!found) {
      await pause(1000);
      const { text } = await app.ask('incidents?format=json');
      const { incidents } = JSON.parse(text) as { incidents: readonly Incident[] };
      found = incidents.find(({ kind }) => kind === 'main-cpu');
    }
    expect(found.text).toMatch(
      /^the main thread was ready to run all the time for .* so far, and had no processor for .* of it: (its CPU quota held it up in \d+ % of the periods|other threads, )/,
    );
    expect(found.processors.used).toBeLessThan(0.3);
    expect(found.processors.main + found.processors.mainWaited).toBeGreaterThan(0.9);
  });
});
