import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type AppProcess, killProcesses } from './support/app.process.js';
import { profilerOf, startFixture } from './support/fixture.app.js';
import { request, served } from './support/http.request.js';
import { flat, framesNamed, takeProfile } from './support/pprof.profile.js';
import { describeWithQuota, launcherWith } from './support/quota.tool.js';

// What a sidecar-sized container has, all of it used by the application itself.

describeWithQuota('an application that is busy on a fifth of a processor, with 256 MB', () => {
  let app: AppProcess;
  let url: string;

  beforeAll(async () => {
    const launcher = launcherWith({ cpus: 0.2, memory: '256M' });
    app = startFixture('work-mix', { block: { watch: true } }, { args: ['1'], launcher });
    url = `${await profilerOf(app)}/debug/pprof`;
  });

  afterAll(killProcesses);

  it('answers a first request', async () => {
    expect((await request(`${url}/`)).text).toContain('Types of profiles available');
  });

  it('has a CPU profile, whose total is the CPU time that the application got', async () => {
    const profile = await takeProfile(`${url}/profile?seconds=3`);
    const from = profile.startedAt;
    const to = from + profile.durationMillis;
    await app.until<number>('accountUntil', (at) => at > to);
    const used = await app.call<number>('cpuMillis', { from, to });
    const total = flat(profile, 'cpu/nanoseconds') / 1e6;
    const busy = flat(profile, 'cpu/nanoseconds', /^first /) / 1e6;
    // The account counts what the profiler itself takes, too: its share is what the two may differ by.
    expect({ used, total, isWithin: Math.abs(total - used) < 0.04 * used + 100 }).toMatchObject({
      isWithin: true,
    });
    expect({ used, busy, isMost: busy > 0.5 * used }).toMatchObject({ isMost: true });
    // And the time without a processor is not taken for CPU time.
    expect(total).toBeLessThan(0.25 * profile.durationMillis);
  });

  it.each(['heap', 'goroutine', 'block', 'allocs?seconds=1', 'block?seconds=1'])('has %s', async (path) => {
    const profile = await takeProfile(`${url}/${path}`);
    expect(profile.comments.join('\n')).not.toMatch(/native call|threads skipped/);
  });

  it('is seen at work, and nobody says that it hangs', async () => {
    const { text } = await served(`${url}/goroutine?debug=2`);
    expect(text).toMatch(/^thread main \[/m);
    expect(text).not.toMatch(/native call/);
    expect(framesNamed(await takeProfile(`${url}/goroutine`), /./).length).toBeGreaterThan(0);
  });

  it('lives on, without a word in its log', async () => {
    await takeProfile(`${url}/threadcreate`);
    expect(app.hasExited).toBe(false);
    expect(app.complaints).toEqual([]);
  });
});
