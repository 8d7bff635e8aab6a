import { afterEach, describe, expect, it } from '@jest/globals';
import { killProcesses } from './support/app.process.js';
import { profilingUrl, startExample } from './support/example.app.js';
import { request } from './support/http.request.js';

afterEach(killProcesses);

const PATHS = [
  '/debug/pprof',
  '/debug/pprof/',
  '/debug/pprof/profile?seconds=1',
  '/debug/pprof/heap',
  '/debug/pprof/cmdline',
  '/debug/pprof/symbol',
  '/debug/pprof/nothing',
  '/debug/vars',
];

describe.each([
  { name: 'without a global prefix', prefix: '', health: '/health' },
  { name: 'with a global prefix', prefix: 'api', health: '/api/health' },
])("the application's own listener, $name", ({ prefix, health }) => {
  it('answers 404 to every profiling path, and the profiling listener knows no route of the application', async () => {
    const app = await startExample({ GLOBAL_PREFIX: prefix });
    const profiler = await profilingUrl(app.process);
    expect((await request(`${app.url}${health}`)).status).toBe(200);
    for (const path of PATHS) {
      for (const url of [`${app.url}${path}`, `${app.url}/api${path}`]) {
        expect([url, (await request(url)).status]).toEqual([url, 404]);
      }
    }
    expect((await request(`${profiler}/debug/pprof/`)).status).toBe(200);
    expect((await request(`${profiler}${health}`)).status).toBe(404);
  });
});

describe('the example with PPROF_ENABLED=false', () => {
  it('serves, and has no profiling server', async () => {
    const app = await startExample({ PPROF_ENABLED: 'false' });
    expect((await request(`${app.url}/health`)).status).toBe(200);
    app.process.signal('SIGTERM');
    await app.process.exited;
    expect(app.process.output).not.toContain('Profiling server');
    expect(app.process.complaints).toEqual([]);
  });
});
