import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { itExhaustive } from '../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { type AppProcess, killProcesses } from './support/app.process.js';
import { DevToolsClient } from './support/devtools.client.js';
import { fixtureFile, profilerOf, startFixture } from './support/fixture.app.js';
import { request, served } from './support/http.request.js';
import { describeWhere, itWhere } from './support/needed.tool.js';
import { rawRequest } from './support/raw.request.js';
import { flat, profileWithNumbers, takeProfile } from './support/pprof.profile.js';
import { temporaryDirectory } from './support/temporary.directory.js';

afterEach(killProcesses);

/** Everything a process has to offer, while it is busy with `crunchNumbers`. */
async function expectAllProfiles(app: AppProcess): Promise<void> {
  await app.call('startBurning');
  const url = await profilerOf(app);
  const [profile, heap] = await Promise.all([
    profileWithNumbers(url),
    ...['heap', 'block?seconds=1'].map((path) => takeProfile(`${url}/debug/pprof/${path}`)),
  ]);
  expect(flat(profile, 'samples/count', /^crunchNumbers /)).toBeGreaterThan(0);
  expect(flat(heap!, 'inuse_space/bytes')).toBeGreaterThan(0);
  const { text } = await served(`${url}/debug/pprof/goroutine?debug=2`);
  expect(text).toMatch(/^thread main /m);
  expect((await request(`${url}/debug/vars`)).status).toBe(200);
  await app.call('stopBurning');
}

function settled(app: AppProcess): Promise<{ state: string; reason?: string }> {
  return app.until('status', ({ state }) => state !== 'starting');
}

// Elsewhere a directory that a process is in cannot be removed.
describeWhere(
  process.platform !== 'win32',
  'Windows',
  'a working directory that is removed under the process',
  () => {
    itExhaustive('costs nothing, also where the profiling thread has to be started again', async () => {
      const app = startFixture('faults', {}, { execArgv: ['--require', fixtureFile('thread-faults.cjs')] });
      const url = await profilerOf(app);
      await app.call('loseWorkingDirectory');
      await expectAllProfiles(app);
      await app.call('break', 'exit');
      await app.until<{ state: string }>('status', ({ state }) => state === 'restarting');
      await app.until<{ state: string }>('status', ({ state }) => state === 'listening');
      expect((await request(`${url}/debug/vars`)).status).toBe(200);
      expect(app.complaints).toEqual([expect.stringContaining('started again')]);
    });
  },
);

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

describe("Node's permission model", () => {
  const permission =
    major > 22 || (major === 22 && minor >= 13) ? '--permission' : '--experimental-permission';
  const base = [permission, '--allow-fs-read=*', ...(major >= 25 ? ['--allow-net'] : [])];

  it('without threads: one warning, which names the flags; the application serves', async () => {
    const app = startFixture('http', {}, { execArgv: base });
    expect(await settled(app)).toEqual({
      state: 'failed',
      reason: expect.stringContaining('--allow-worker'),
    });
    expect((await request(`${await app.call<string>('url')}/hello`)).text).toBe('hello');
    expect(app.complaints).toEqual([expect.stringContaining('--allow-worker')]);
  });

  const hasAllFlags = major >= 24;
  const WITHOUT_ADDONS = ['--allow-worker', ...(hasAllFlags ? ['--allow-worker --allow-inspector'] : [])];

  it.each(WITHOUT_ADDONS)(
    'without addons: one warning; what needs the addon names the flag, the rest works (%s)',
    async (flags) => {
      const app = startFixture('http', {}, { execArgv: [...base, ...flags.split(' ')] });
      const url = await profilerOf(app);
      // V8 is not said to have been stopped, either.
      const byInspector = flags.includes('--allow-inspector') ? ['heap?format=heapprofile'] : [];
      for (const name of ['profile?seconds=1', 'heap', 'allocs?seconds=1', ...byInspector]) {
        const { status, text } = await request(`${url}/debug/pprof/${name}`);
        expect([name, status, text]).toEqual([name, 503, expect.stringContaining('--allow-addons')]);
      }
      expect((await request(`${url}/debug/pprof/`)).status).toBe(200);
      expect((await request(`${url}/debug/vars`)).status).toBe(200);
      expect(app.complaints).toEqual([expect.stringContaining('--allow-addons')]);
    },
  );

  itExhaustive(
    'without the inspector: the main thread is profiled, and the comments say what is missing',
    async () => {
      const app = startFixture('http', {}, { execArgv: [...base, '--allow-worker', '--allow-addons'] });
      const url = await profilerOf(app);
      await app.call('startBurning');
      const profile = await profileWithNumbers(url);
      expect(flat(profile, 'samples/count', /^crunchNumbers /)).toBeGreaterThan(0);
      expect(profile.comments.join('\n')).toContain('--allow-inspector');
      for (const name of ['goroutine', 'allocs?seconds=1']) {
        const { status, text } = await request(`${url}/debug/pprof/${name}`);
        expect([status, text]).toEqual([503, expect.stringContaining('--allow-inspector')]);
      }
      expect(app.complaints).toEqual([]);
    },
  );

  itWhere(hasAllFlags, 'Node is older than 24', 'with all that is needed: everything works', async () => {
    const flags = ['--allow-worker', '--allow-addons', '--allow-inspector'];
    const app = startFixture('http', {}, { execArgv: [...base, ...flags] });
    await expectAllProfiles(app);
    expect(app.complaints).toEqual([]);
  });
});

describe('a Node without the inspector', () => {
  it('profiles the main thread, and says what is missing', async () => {
    const app = startFixture(
      'lifecycle',
      {},
      { execArgv: ['--require', fixtureFile('inspector-missing.cjs')] },
    );
    const url = await profilerOf(app);
    const profile = await takeProfile(`${url}/debug/pprof/profile?seconds=1`);
    expect(profile.comments.join('\n')).toContain("V8's inspector cannot be used");
    await takeProfile(`${url}/debug/pprof/heap`);
    for (const name of ['goroutine', 'allocs?seconds=1']) {
      const { status, text } = await request(`${url}/debug/pprof/${name}`);
      expect([status, text]).toEqual([503, expect.stringContaining('Node was built without it')]);
    }
    expect(app.complaints).toEqual([]);
  });
});

describe('NODE_OPTIONS', () => {
  it('with preloads, module hooks and --enable-source-maps: they run in the application, and not again in the profiling thread', async () => {
    const preloads = ['--require', fixtureFile('preload.cjs'), '--import', fixtureFile('preload.mjs')];
    const app = startFixture(
      'http',
      {},
      { env: { NODE_OPTIONS: [...preloads, '--enable-source-maps'].join(' ') } },
    );
    await expectAllProfiles(app);
    const said = (how: string) =>
      app.output.split('\n').filter((line) => line.startsWith(`preloaded by ${how}`));
    expect(said('import')).toEqual(['preloaded by import in thread 0']);
    // Node runs those given to --require in the thread of the hooks, too: the first that there is, and none of ours.
    expect(said('require').sort()).toEqual(
      [0, 1].map((thread) => `preloaded by require in thread ${thread}`),
    );
  });
});

describe('--enable-source-maps, and a small heap', () => {
  itExhaustive('do not matter to the profiles', async () => {
    const app = startFixture('http', {}, { execArgv: ['--enable-source-maps', '--max-old-space-size=48'] });
    await expectAllProfiles(app);
    expect((await request(`${await app.call<string>('url')}/hello`)).text).toBe('hello');
    expect(app.complaints).toEqual([]);
  });
});

/** Its last line, counted from 0. */
const endOfCrunchNumbers = async () => {
  const lines = (await readFile(fixtureFile('hot.mjs'), 'utf8')).split('\n');
  return lines.indexOf(
    '  return x;',
    lines.findIndex((line) => line.startsWith('function crunchNumbers')),
  );
};

// One process for all of it: none of it is about how the process was started, but for the flag.
describe('a process with DevTools attached', () => {
  it('has no warning about our listener; can be profiled, and debugged meanwhile; and is profiled at a breakpoint and after it', async () => {
    const app = startFixture('http', {}, { execArgv: ['--inspect=127.0.0.1:0'] });
    const [, address = ''] = await app.printed(/Debugger listening on (ws:\S+)/);
    await expectAllProfiles(app);
    // "process.on(SIGPROF) is reserved while debugging"
    expect(app.output).not.toContain('SIGPROF');

    const devtools = await DevToolsClient.connect(address);
    await expectProfilesBeside(devtools, app);
    await expectProfilesAtBreakpoint(devtools, app);
    devtools.close();
    await expectAllProfiles(app);
    expect(app.output).not.toContain('SIGPROF');
    expect(app.complaints).toEqual([]);
  });

  async function expectProfilesBeside(devtools: DevToolsClient, app: AppProcess) {
    await devtools.call('Profiler.enable');
    await devtools.call('Profiler.start');
    await expectAllProfiles(app);
    // Theirs has gone on, and has seen the same.
    const { profile } = await devtools.call<{
      profile: { nodes: Array<{ callFrame: { functionName: string } }> };
    }>('Profiler.stop');
    expect(profile.nodes.map(({ callFrame }) => callFrame.functionName)).toContain('crunchNumbers');
  }

  /** What does not need the thread is answered, and does not resume it. */
  async function expectProfilesAtBreakpoint(devtools: DevToolsClient, app: AppProcess) {
    const url = await profilerOf(app);
    await app.call('startBurning');
    await devtools.call('Debugger.enable');
    const paused = devtools.event<{ callFrames: Array<{ functionName: string; callFrameId: string }> }>(
      'Debugger.paused',
    );
    const { breakpointId } = await devtools.call<{ breakpointId: string }>('Debugger.setBreakpointByUrl', {
      urlRegex: 'hot\\.mjs$',
      lineNumber: await endOfCrunchNumbers(),
    });
    const [frame] = (await paused).callFrames;

    expect((await request(`${url}/debug/pprof/`)).status).toBe(200);
    expect((await request(`${url}/debug/pprof/cmdline`)).status).toBe(200);
    const vars = JSON.parse((await request(`${url}/debug/vars`)).text) as { eventLoop: { stuck: boolean } };
    expect(vars.eventLoop.stuck).toBe(true);
    // It is stuck like any other, and so is shown where it is; V8's sampler begins at the caller of a function that a
    // breakpoint is in.
    const dump = await served(`${url}/debug/pprof/goroutine?debug=2`);
    expect(dump.text).toMatch(/^thread main \[stuck\]:[^]*^turn \(.*hot\.mjs\)/m);
    const profile = await takeProfile(`${url}/debug/pprof/profile?seconds=1`);
    expect(profile.comments.join('\n')).toContain('main (by inspector, its event loop is stuck)');

    // It is still where it was stopped.
    const { result } = await devtools.call<{ result: { value: unknown } }>('Debugger.evaluateOnCallFrame', {
      callFrameId: frame!.callFrameId,
      expression: '6 * 7',
    });
    expect(result.value).toBe(42);
    await devtools.call('Debugger.removeBreakpoint', { breakpointId });
    const resumed = devtools.event('Debugger.resumed');
    await devtools.call('Debugger.resume');
    await resumed;
  }
});

describe('an application that takes deprecations for errors', () => {
  for (const flag of ['--throw-deprecation', '--no-deprecation']) {
    itExhaustive(`starts, and is profiled: ${flag}`, async () => {
      const app = startFixture('http', {}, { execArgv: ['--pending-deprecation', flag] });
      await expectAllProfiles(app);
      // Node says of what Express does with that: "`url.parse()` behavior is not standardized".
      const url = await profilerOf(app);
      const answer = await rawRequest(url, 'GET /debug/pprof/cmdline#x HTTP/1.1', 'Host: localhost');
      expect(answer).toContain(' 200 OK');
      expect((await request(`${url}/debug/vars`)).status).toBe(200);
      expect(app.output).not.toContain('Deprecation');
    });
  }
});

/** Has a view of the files in which nothing can be written, which only root can have made. */
const READ_ONLY = ['unshare', '--mount', 'sh', '-c', 'mount -o remount,ro,bind / && exec "$0" "$@"'];

const canBeReadOnly = spawnSync(READ_ONLY[0]!, [...READ_ONLY.slice(1), 'true']).status === 0;

describeWhere(canBeReadOnly, 'not root', 'a read-only file system', () => {
  it('does not matter to the profiles', async () => {
    const directory = await temporaryDirectory('read-only-');
    const app = startFixture('http', {}, { launcher: READ_ONLY, env: { TMPDIR: directory } });
    await expectAllProfiles(app);
    expect(await readdir(directory)).toEqual([]);
    expect(app.complaints).toEqual([]);
  });
});

/** A user without any right of its own. */
const NOBODY = 65_534;

/** Whether another user than root gets at the code under test. */
async function isReadableByOthers(): Promise<boolean> {
  for (let path = fileURLToPath(import.meta.url); path !== dirname(path); path = dirname(path)) {
    if (((await stat(path)).mode & 0o005) === 0) {
      return false;
    }
  }
  return true;
}

const canBeNobody = process.getuid?.() === 0 && (await isReadableByOthers());

describeWhere(canBeNobody, 'not root', 'a user who is not root', () => {
  it('can profile', async () => {
    const directory = await temporaryDirectory('nobody-');
    await chmod(directory, 0o777);
    const app = startFixture('http', {}, { uid: NOBODY, env: { TMPDIR: directory } });
    await expectAllProfiles(app);
    expect((await stat(join(directory, `nestjs-pprof-${NOBODY}`))).mode & 0o777).toBe(0o700);
    expect(app.complaints).toEqual([]);
  });

  for (const kind of ['unwritable', 'missing']) {
    itExhaustive(
      `can profile where nothing can be written (${kind} directory for temporary files)`,
      async () => {
        const directory = join(await temporaryDirectory('nobody-'), 'tmp');
        if (kind === 'unwritable') {
          await mkdir(directory, { mode: 0o555 });
        }
        const app = startFixture('http', {}, { uid: NOBODY, env: { TMPDIR: directory } });
        await expectAllProfiles(app);
        const { otherProcesses } = JSON.parse(
          (await request(`${await profilerOf(app)}/debug/vars`)).text,
        ) as {
          otherProcesses: unknown[];
        };
        expect(otherProcesses).toEqual([]);
        expect(app.complaints).toEqual([]);
      },
    );
  }
});
