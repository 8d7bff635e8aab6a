import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AppProcess } from './support/app.process.js';
import { CommandRun, describeWithTerminal, nestjsPprof } from './support/command.line.js';
import { profilerOf, startFixture, whileBurning } from './support/fixture.app.js';
import { isStarved, windowOf } from './support/patience.js';
import { temporaryDirectory } from './support/temporary.directory.js';

// The command that people type who have no Go: without a terminal, as in a script or a pipe, and in one.

/** Seconds in which a busy process is seen to be busy, as an argument. */
const WINDOW = String(windowOf(1));

const auth = { username: 'ops', password: 'hunter2@ß' };

let app: AppProcess;
let port: string;
let directory: string;

beforeAll(async () => {
  directory = await temporaryDirectory('cli-');
  // So that the sampler runs while there is a capture, and at no other time.
  app = startFixture('http', { keepWarm: 0 }, { env: { TMPDIR: directory } });
  ({ port } = new URL(await profilerOf(app)));
});

describe('npx nestjs-pprof', () => {
  it('has help, and loads neither Nest nor the addon for it', async () => {
    const { code, stdout, stderr } = await nestjsPprof(['--help'], { env: { NODE_DEBUG: 'module' } });
    expect(code).toBe(0);
    expect(stdout).toMatch(/Usage: npx nestjs-pprof COMMAND/);
    expect(stderr).toMatch(/cli\.cjs/);
    expect(stderr).not.toMatch(/@nestjs|@datadog/);
  });

  it('finds the only process there is, and shows where its time goes', async () => {
    const { code, stdout } = await whileBurning(app, () =>
      nestjsPprof(['profile', '--seconds', WINDOW], { env: { TMPDIR: directory } }),
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/flat%[^]*crunchNumbers \(/);
    expect(stdout).toMatch(/Hottest paths, down to the application's own code[^]*crunchNumbers \(/);
  });

  it('lists the processes of this user', async () => {
    const { stdout } = await nestjsPprof(['list'], { env: { TMPDIR: directory } });
    expect(stdout).toMatch(new RegExp(`^${port} +${app.pid} .*http\\.mjs$`, 'm'));
    const { stdout: json } = await nestjsPprof(['list', '--json'], { env: { TMPDIR: directory } });
    expect(JSON.parse(json)).toMatchObject([{ pid: app.pid, port: Number(port) }]);
  });

  it.each([
    [['profile', '--seconds', '1', '-o', 'cpu.pb.gz'], 'cpu.pb.gz'],
    [['heap', '-o', 'heap.pb.gz'], 'heap.pb.gz'],
  ])('%j saves a profile for pprof', async (args, file) => {
    const { code, stderr } = await nestjsPprof([args[0]!, port, ...args.slice(1)], { cwd: directory });
    expect([code, stderr]).toEqual([0, `saved ${file}\n`]);
    expect(gunzipSync(await readFile(join(directory, file))).length).toBeGreaterThan(100);
  });

  it('saves what Chrome DevTools open, by the ending of the file', async () => {
    const file = join(directory, 'main.cpuprofile');
    await nestjsPprof(['profile', port, '-s', '1', '-o', file]);
    expect(JSON.parse(await readFile(file, 'utf8'))).toHaveProperty('nodes');
  });

  it('has JSON for scripts', async () => {
    const { stdout } = await whileBurning(app, () =>
      nestjsPprof(['profile', port, '--seconds', WINDOW, '--json']),
    );
    const { functions, total, unit } = JSON.parse(stdout) as {
      functions: Array<{ name: string; flat: number }>;
      total: number;
      unit: string;
    };
    // On a starved machine V8's own threads may have used more.
    const most = functions.find(({ name }) => !(isStarved() && name.startsWith('(')));
    expect(most!.name).toMatch(/^crunchNumbers/);
    expect(functions.reduce((sum, { flat }) => sum + flat, 0)).toBe(total);
    expect(unit).toBe('nanoseconds');
    const { stdout: stacks } = await nestjsPprof(['stacks', port, '--json']);
    expect(JSON.parse(stacks)).toMatchObject({ threads: [{ thread: 'main' }] });
  });

  it('tells of incidents, or how to have them recorded', async () => {
    expect(await nestjsPprof(['incidents', port])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/answers 404: .* set "flightRecorder: \{\}"/),
    });
    const recorded = startFixture('http', { flightRecorder: {} });
    const { port: itsPort } = new URL(await profilerOf(recorded));
    const { code, stdout } = await nestjsPprof(['incidents', itsPort]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^\d+ incidents? since /)]);
    const { stdout: json } = await nestjsPprof(['incidents', itsPort, '--json']);
    expect(JSON.parse(json)).toMatchObject({ incidents: expect.any(Array) });
  });

  it('prints a report that can be handed on', async () => {
    const { code, stdout } = await whileBurning(app, () =>
      nestjsPprof(['report', port, '--seconds', WINDOW]),
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^# Profile `profile`[^]*## Hottest functions[^]*`crunchNumbers \(/);
    const { stdout: heap } = await nestjsPprof(['report', port, '--of', 'heap', '--seconds', '1']);
    expect(heap).toMatch(/^# Profile `heap`/);
  });

  it('top without a terminal is one table', async () => {
    let code;
    let stdout;
    do {
      ({ code, stdout } = await nestjsPprof(['top', port, '--seconds', '1']));
      expect(code).toBe(0);
      // The main thread, which knows, had no processor.
    } while (isStarved() && / heap \? /.test(stdout));
    expect(stdout).toMatch(
      /^\S*node {2}pid \d+ .*\nCPU .* processors.*heap \d+ MB of \d+ MB[^\n]*\n\n +flat/,
    );
    // No escape sequence for whoever reads it from a pipe.
    expect(stdout).not.toContain('\u001b');
  });

  it.each([
    ['what the service refuses', ['profile', '--seconds', '301'], 1, /answers 400: .*the maximum is 300/],
    [
      'what it does not have',
      ['profile', '--threads', '9999', '-s', '1'],
      1,
      /answers 404: there is no thread with this id/,
    ],
    ['a command line that means nothing', ['profile', '--colour'], 2, /Unknown option '--colour'/],
  ])('exits with what went wrong: %s', async (_what, [command = '', ...args], exitCode, message) => {
    const { code, stdout, stderr } = await nestjsPprof([command, port, ...args]);
    expect([code, stdout]).toEqual([exitCode, '']);
    expect(stderr).toMatch(message);
  });

  it('says so where a file cannot be written', async () => {
    const { code, stderr } = await nestjsPprof(['heap', port, '-o', '/no/such/directory/heap.pb.gz']);
    expect([code, stderr]).toEqual([5, expect.stringMatching(/heap\.pb\.gz cannot be written: ENOENT/)]);
  });

  it('ends the capture where it is ended itself', async () => {
    const run = CommandRun.piped(['profile', port, '--seconds', '60', '--threads', 'main']);
    await app.until<boolean>('samplerRuns', (runs) => runs);
    run.signal('SIGINT');
    expect(await run.exited).toEqual({ code: 130, signal: null });
    await app.until<boolean>('samplerRuns', (runs) => !runs);
  });
});

describe('npx nestjs-pprof, asked of what is no profiler', () => {
  let server: Server;
  let answer: { status: number; headers: Record<string, string>; body: string };

  beforeAll(async () => {
    server = createServer((_request, response) => {
      response.writeHead(answer.status, answer.headers).end(answer.body);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterAll(() => {
    server.close();
  });

  const ask = (...args: string[]) =>
    nestjsPprof([args[0]!, String((server.address() as AddressInfo).port), ...args.slice(1)]);

  it('says that nobody listens, or that it is the application itself', async () => {
    expect(await nestjsPprof(['stacks', '1'])).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/nothing listens/),
    });
    expect(await nestjsPprof(['stacks', '/no/such/socket'])).toMatchObject({ code: 3 });
    answer = { status: 404, headers: {}, body: '{"message":"Cannot GET /debug/pprof/goroutine"}' };
    expect(await ask('stacks')).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/not as a profiler/),
    });
    answer = { status: 200, headers: {}, body: '<html>' };
    expect(await ask('heap', '--json')).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/no profile/),
    });
    answer = { status: 200, headers: {}, body: '{}' };
    expect(await ask('top')).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/not the figures of a profiler/),
    });
  });

  it('writes nothing to a terminal but text', async () => {
    const hostile = '\u001b]0;owned\u0007\u001b[2J\u009b31m';
    answer = { status: 200, headers: {}, body: `a${hostile}\n` };
    // oxlint-disable-next-line no-control-regex
    const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;
    expect((await ask('stacks')).stdout).not.toMatch(controls);
    answer = { status: 500, headers: { 'X-Go-Pprof': '1' }, body: `no${hostile}\n` };
    expect((await ask('stacks')).stderr).not.toMatch(controls);
  });
});

describe('npx nestjs-pprof with credentials', () => {
  let guarded: string;

  beforeAll(async () => {
    ({ port: guarded } = new URL(await profilerOf(startFixture('http', { auth }))));
  });

  it('takes them from the environment', async () => {
    const credentials = `${auth.username}:${auth.password}`;
    const env = { PPROF_AUTH: credentials };
    expect(await nestjsPprof(['stacks', guarded], { env })).toMatchObject({ code: 0, stderr: '' });
    const url = `http://${auth.username}:${encodeURIComponent(auth.password)}@127.0.0.1:${guarded}`;
    expect(await nestjsPprof(['stacks'], { env: { PPROF_URL: url } })).toMatchObject({ code: 0, stderr: '' });
  });

  it('warns of a password that others can read, and never repeats it', async () => {
    const url = `http://${auth.username}:${encodeURIComponent(auth.password)}@127.0.0.1:${guarded}`;
    const { code, stderr } = await nestjsPprof(['stacks', url]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/other users of this machine can read it/);
    expect(stderr).not.toContain('hunter2');
  });

  it('says what is missing or wrong, without a terminal to ask at', async () => {
    expect(await nestjsPprof(['stacks', guarded])).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/PPROF_AUTH=USER:PASSWORD/),
    });
    const env = { PPROF_AUTH: 'ops:wrong' };
    expect(await nestjsPprof(['stacks', guarded], { env })).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/does not take these credentials/),
    });
  });
});

/** What a terminal is set to when a program has given it back. */
const AS_IT_WAS = /icanon echo /;

describeWithTerminal('npx nestjs-pprof in a terminal', () => {
  it('top shows a table that is refreshed, on a screen of its own, until q', async () => {
    const run = CommandRun.inTerminal(['top', port, '--seconds', '1']);
    await run.printed(/\[\?1049h/);
    await whileBurning(app, async () => {
      await run.printed(/crunchNumbers/);
      const drawn = run.stdout.length;
      await run.printed(new RegExp(`^[^]{${drawn}}[^]*crunchNumbers`));
    });
    run.type('s');
    await run.printed(/s sorts by flat/);
    run.type('q');
    await run.printed(/\[exit 0\]/);
    await run.exited;
    expect(run.stdout).toMatch(/\[\?25h.\[\?1049l[^]*\[exit 0\]/);
    expect(run.stdout).toMatch(AS_IT_WAS);
  });

  it('top gives the terminal back on Ctrl-C, and ends its capture', async () => {
    const run = CommandRun.inTerminal(['top', port, '--seconds', '60']);
    await run.printed(/first table in 60 s/);
    run.type('\u0003');
    await run.printed(/\[exit 130\]/);
    await run.exited;
    expect(run.stdout).toContain('\u001b[?1049l');
    expect(run.stdout).toMatch(AS_IT_WAS);
    await app.until<boolean>('samplerRuns', (runs) => !runs);
  });

  it('a capture has a progress bar, which Ctrl-C ends', async () => {
    const run = CommandRun.inTerminal(['profile', port, '--seconds', '60'], {}, 'trap : INT;');
    await run.printed(/profile \[-{30}\] 60 s left, Ctrl-C cancels/);
    run.type('\u0003');
    await run.printed(/\[exit 130\]/);
    await run.exited;
    await app.until<boolean>('samplerRuns', (runs) => !runs);
  });

  it('does not write a binary profile to the terminal', async () => {
    const run = CommandRun.inTerminal(['heap', port, '--format', 'pprof']);
    await run.printed(/not for a terminal: save it with -o FILE/);
    await run.printed(/\[exit 2\]/);
  });

  it('asks for credentials, and does not show the password', async () => {
    const { port: guarded } = new URL(await profilerOf(startFixture('http', { auth })));
    const run = CommandRun.inTerminal(['stacks', `http://ops@127.0.0.1:${guarded}`]);
    await run.printed(/Password of ops: /);
    run.type(`${auth.password}\r`);
    await run.printed(/thread main/);
    await run.printed(/\[exit 0\]/);
    await run.exited;
    expect(run.stdout).not.toContain('hunter2');
    expect(run.stdout).toMatch(AS_IT_WAS);
  });
});
