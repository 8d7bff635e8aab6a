import { afterEach, describe, expect, it } from '@jest/globals';
import { killProcesses } from './support/app.process.js';
import { profilerOf, startFixture } from './support/fixture.app.js';
import { request, served } from './support/http.request.js';

afterEach(killProcesses);

describe('an application of which Nest calls no hook at its start', () => {
  it.each([
    ['hybrid', 'close'],
    // Nor does it call those of a lazily loaded module at the end.
    ['lazy', 'stop'],
  ])('(%s) is profiled, and frees the port with %s()', async (way, end) => {
    const app = startFixture('starts', {}, { args: [way] });
    const url = await profilerOf(app);
    await served(`${url}/debug/pprof/heap`);
    await app.call(end);
    await expect(request(`${url}/debug/pprof/`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(app.complaints).toEqual([]);
  });
});

describe('a start', () => {
  it('that hangs can be profiled', async () => {
    const app = startFixture('starts', {}, { args: ['hangs'] });
    const [, url] = await app.printed(/listening on (http:\S+)/);
    expect((await served(`${url}goroutine?debug=2`)).text).toMatch(/^thread main /m);
  });

  it('that fails ends the process as it does without us', async () => {
    const app = startFixture('starts', {}, { args: ['fails'] });
    expect(await app.exited).toEqual({ code: 1, signal: null });
    expect(app.output).toContain('no database');
  });
});

describe('a process that nothing else keeps alive', () => {
  it('ends by itself as soon as it is done, and not while it awaits start()', async () => {
    const app = startFixture('starts', {}, { args: ['awaits'] });
    expect(await app.exited).toEqual({ code: 0, signal: null });
    expect(app.output).toContain('done, listening');
  });
});

describe('a second PprofModule', () => {
  it('shares the profiler of the first, and one line says so', async () => {
    const app = startFixture('starts', {}, { args: ['twice'] });
    const url = await profilerOf(app);
    await served(`${url}/debug/pprof/profile?seconds=1`);
    await served(`${url}/debug/pprof/heap`);
    await app.printed(/ LOG .*Another PprofModule of this process has its profiler already on http/);
    expect(app.output.match(/Profiling server listening/g)).toHaveLength(1);
    expect(app.complaints).toEqual([]);
    // Each is closed; neither begins anew.
    await app.call('close');
    await expect(request(`${url}/debug/pprof/`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('an application that lives in a worker thread', () => {
  it('has no profiler; one warning, and the status, say where to have it', async () => {
    const app = startFixture('starts', {}, { args: ['thread'] });
    const [, status = ''] = await app.printed(/status (.*)\n/);
    expect(JSON.parse(status)).toEqual({
      state: 'failed',
      reason: expect.stringMatching(
        /lives in a worker thread. Import PprofModule into the one of the main thread/,
      ),
    });
    expect(app.complaints).toEqual([expect.stringContaining('lives in a worker thread')]);
    expect(app.output).not.toContain('listening on');
  });
});
