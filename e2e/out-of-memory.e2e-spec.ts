import { execFileSync } from 'node:child_process';
import {
  chmod,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { platform } from 'node:process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { itExhaustive } from '../packages/nestjs-pprof/test-fixtures/exhaustive.js';
import { type Ending, killProcesses } from './support/app.process.js';
import { type ExampleApp, exampleSource, profilingUrl, startExample } from './support/example.app.js';
import { describeWithGo, goToolPprof } from './support/go.tool.js';
import { openRequest, request, served } from './support/http.request.js';
import { decodeProfile, framesNamed } from './support/pprof.profile.js';
import { temporaryDirectory } from './support/temporary.directory.js';

const SMALL_HEAP = '--max-old-space-size=64';

/** Leaks until the process is dead. */
async function runOutOfMemory(
  env: Readonly<Record<string, string>>,
): Promise<{ app: ExampleApp; ending: Ending }> {
  const app = await startExample(env, [SMALL_HEAP]);
  void openRequest(`${app.url}/sessions?count=10000&kilobytes=640`, { method: 'POST' }).cut;
  return { app, ending: await app.process.exited };
}

describe('a process that runs out of memory', () => {
  afterEach(killProcesses);

  let directory: string;
  let dead: { app: ExampleApp; ending: Ending };
  let file: string;

  beforeAll(async () => {
    directory = join(await temporaryDirectory('oom-'), 'made', 'by-the-app');
    dead = await runOutOfMemory({ PPROF_OOM_DIRECTORY: directory });
    [file = ''] = await readdir(directory);
  });

  it('dies as it would have died, with the lines of the addon in its output', async () => {
    const without = await runOutOfMemory({});
    expect(dead.ending).toEqual(without.ending);
    for (const { app } of [dead, without]) {
      expect(app.process.output).toMatch(/FATAL ERROR: .*JavaScript heap out of memory/);
      expect(app.process.complaints).toEqual([]);
    }
    expect(dead.app.process.output).toMatch(/NearHeapLimit\(count=1\).*\nSpawning export process: /);
    expect(dead.app.process.output).not.toContain('nestjs-pprof: ');
  });

  it('leaves one heap profile behind, for its owner alone, named after pid and time', async () => {
    expect(await readdir(directory)).toEqual([
      expect.stringMatching(new RegExp(`^oom-${dead.app.process.pid}-\\d{8}T\\d{6}Z-[0-9a-f]{8}\\.pb\\.gz$`)),
    ]);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600);
  });

  it('shows in it who has filled the heap, with positions in the original source', async () => {
    const profile = decodeProfile(await readFile(join(directory, file)));
    expect(profile.sampleTypes).toEqual(['inuse_objects/count', 'inuse_space/bytes']);
    expect(framesNamed(profile, /^rememberSession /)).toEqual([
      expect.objectContaining({ file: exampleSource('sessions/sessions.service.ts') }),
    ]);
    expect(profile.comments[0]).toContain(`heap of pid ${dead.app.process.pid} as it was full`);
  });

  it('is told of by the next one: in its log, on the index page, for download', async () => {
    await writeFile(join(directory, 'secret.txt'), 'secret');
    await symlink('/etc/passwd', join(directory, 'oom-1-20260101T000000Z.pb.gz'));
    const next = await startExample({ PPROF_OOM_DIRECTORY: directory });
    const url = await profilingUrl(next.process);
    await next.process.printed(
      new RegExp(
        `LOG .*A process has had a full heap, the last one with pid ${dead.app.process.pid} at .*: ${join(directory, file)}, the newest of \\d`,
      ),
    );
    const { text } = await request(`${url}/debug/pprof/`);
    expect(text).toContain(`<a href="oom/${file}">${file}</a>`);
    expect(text).not.toContain('secret.txt');
    expect(text).not.toContain('oom-1-');

    const { status, headers, body } = await request(`${url}/debug/pprof/oom/${file}`);
    expect({ status, type: headers['content-type'], disposition: headers['content-disposition'] }).toEqual({
      status: 200,
      type: 'application/octet-stream',
      disposition: `attachment; filename="${file}"`,
    });
    expect(body).toEqual(await readFile(join(directory, file)));
    for (const name of [
      'secret.txt',
      '../by-the-app/secret.txt',
      '..%2fby-the-app%2fsecret.txt',
      `..%2fby-the-app%2f${file}`,
      `${file}%00`,
      `${file}%2f`,
      'oom-1-20260101T000000Z.pb.gz',
      'oom-2-20260101T000000Z.pb.gz',
      '',
    ]) {
      expect([name, (await request(`${url}/debug/pprof/oom/${name}`)).status]).toEqual([name, 404]);
    }
  });

  describeWithGo('with go tool pprof', () => {
    it('has a profile that opens without a warning', async () => {
      const { stdout, warnings } = await goToolPprof(
        '-top',
        '-sample_index=inuse_space',
        join(directory, file),
      );
      expect(warnings).toEqual([]);
      expect(stdout).toMatch(/Type: inuse_space/);
      expect(stdout).toMatch(/ rememberSession \(src\/sessions\/sessions\.service\.ts\)/);
    });
  });
});

describe('a directory in which others have put what they like (hostile names)', () => {
  const FIFOS = Array.from({ length: 8 }, (_, index) => `oom-${index}-20260101T000000Z.pb.gz`);
  const FOLDER = 'oom-99-20260101T000000Z.pb.gz';
  const NO_TIME = 'oom-5-99999999T999999Z.pb.gz';

  /** The only one that is a profile. */
  const NAME = 'oom-8-20260101T000000Z.pb.gz';
  let app: ExampleApp;
  let profiler: string;

  beforeAll(async () => {
    const directory = await temporaryDirectory('oom-');
    FIFOS.forEach((name) => execFileSync('mkfifo', [join(directory, name)]));
    await mkdir(join(directory, FOLDER));
    await writeFile(join(directory, NO_TIME), 'x');
    await writeFile(join(directory, NAME), Buffer.alloc(30_000_000));
    await chmod(directory, 0o777);
    app = await startExample({ PPROF_OOM_DIRECTORY: directory });
    profiler = await profilingUrl(app.process);
  });

  afterAll(async () => {
    app.process.signal('SIGTERM');
    // Nest sends the signal again when its hooks have run.
    expect(await app.process.exited).toEqual({ code: null, signal: 'SIGTERM' });
    expect(app.process.complaints).toEqual([expect.stringContaining('may be written to by others')]);
  });

  it('is read all the same, and neither stops the application nor holds it up', async () => {
    await app.process.printed(/WARN .*may be written to by others/);
    expect((await request(`${profiler}/debug/pprof/`)).status).toBe(200);
    for (const name of [...FIFOS, FOLDER, NO_TIME]) {
      expect([name, (await request(`${profiler}/debug/pprof/oom/${name}`)).status]).toEqual([name, 404]);
    }
    // What the application does with libuv's threads goes on.
    expect((await request(`${app.url}/health`)).status).toBe(200);
  });

  const ask = (path: string) => `GET /debug/pprof/${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

  it('has a profile that is asked for many times and not read refused above the limit of captures, and open no longer than its clients are there', async () => {
    const isServed = async () => {
      const answer = await fetch(`${profiler}/debug/pprof/oom/${NAME}`);
      await answer.body?.cancel();
      return answer.status;
    };
    expect(await isServed()).toBe(200);
    const clients = Array.from({ length: 3 }, () => connect(Number(new URL(profiler).port), '127.0.0.1'));
    for (const client of clients) {
      client.pause().on('error', () => undefined);
      // The first of each is being made: those after it wait for their turn.
      client.write(ask('profile?seconds=30') + ask(`oom/${NAME}`).repeat(6));
    }
    await eventually(async () => (await isServed()) === 429);
    clients.forEach((client) => client.destroy());
    await eventually(async () => (await isServed()) === 200);
    if (platform === 'linux') {
      await eventually(async () => !(await openFiles(app.process.pid)).some((file) => file.endsWith(NAME)));
    }
  });
});

async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function openFiles(pid: number): Promise<string[]> {
  const directory = `/proc/${pid}/fd`;
  const links = await readdir(directory);
  return Promise.all(links.map((link) => readlink(join(directory, link)).catch(() => '')));
}

describe('a directory that cannot be written', () => {
  afterEach(killProcesses);

  it('costs one warning; the application and its other profiles go on', async () => {
    const parent = await temporaryDirectory('oom-');
    await writeFile(join(parent, 'file'), '');
    const { process, url } = await startExample({ PPROF_OOM_DIRECTORY: join(parent, 'file', 'directory') });
    expect((await request(`${url}/health`)).status).toBe(200);
    await served(`${await profilingUrl(process)}/debug/pprof/heap`);
    expect(process.complaints).toEqual([
      expect.stringMatching(/nothing is written when memory runs out: ENOTDIR.*must be writable/),
    ]);
  });
});

describe('a directory that is gone when the memory runs out', () => {
  afterEach(killProcesses);

  itExhaustive('costs the profile, and one line; the process dies as usual', async () => {
    const directory = await temporaryDirectory('oom-');
    await mkdir(join(directory, 'sub'));
    const app = await startExample({ PPROF_OOM_DIRECTORY: join(directory, 'sub') }, [SMALL_HEAP]);
    await rename(join(directory, 'sub'), join(directory, 'gone'));
    void openRequest(`${app.url}/sessions?count=10000&kilobytes=640`, { method: 'POST' }).cut;
    expect(await app.process.exited).toEqual({ code: null, signal: 'SIGABRT' });
    expect(app.process.output).toMatch(/nestjs-pprof: no heap profile is left behind: ENOENT/);
    expect(app.process.output).toMatch(/FATAL ERROR: .*JavaScript heap out of memory/);
  });
});
