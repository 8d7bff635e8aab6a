import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ListeningApplication, ProfilerRegistry } from './profiler.registry.js';

const SELF: ListeningApplication = {
  pid: process.pid,
  title: 'node',
  argv: ['/usr/bin/node', 'main.js', '--token=secret'],
  execPath: '/usr/bin/node',
  cwd: '/app',
  instance: 'cluster worker 1',
  host: '127.0.0.1',
  port: 6060,
  socketPath: null,
};

let parent: string;
let directory: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'registry-'));
  directory = join(parent, 'profilers');
});

afterEach(() => rm(parent, { recursive: true, force: true }));

async function expectRefused(registry: ProfilerRegistry): Promise<void> {
  expect(registry.register(SELF)).toBeUndefined();
  expect(registry.others()).toEqual([]);
}

/** Registered by this process; as another's registry would read it. */
async function registered(over: object = {}): Promise<string> {
  const file = new ProfilerRegistry(directory).register(SELF);
  const entry = JSON.parse(await readFile(file!, 'utf8')) as object;
  await writeFile(file!, JSON.stringify({ ...entry, ...over }));
  return file!;
}

describe('ProfilerRegistry', () => {
  it('shows the others to each, by port, and none to itself', async () => {
    const first = new ProfilerRegistry(directory);
    const second = new ProfilerRegistry(directory);
    second.register({ ...SELF, port: 6061, instance: undefined, argv: ['/usr/bin/node'] });
    first.register(SELF);
    expect(first.others()).toEqual([
      {
        pid: process.pid,
        title: 'node',
        program: '/usr/bin/node',
        instance: null,
        host: '127.0.0.1',
        port: 6061,
        socketPath: null,
      },
    ]);
    expect(second.others()).toEqual([
      {
        pid: process.pid,
        title: 'node',
        program: '/app/main.js',
        instance: 'cluster worker 1',
        host: '127.0.0.1',
        port: 6060,
        socketPath: null,
      },
    ]);
    expect(new ProfilerRegistry(directory).others().map(({ port }) => port)).toEqual([6060, 6061]);
  });

  it('has those on a unix socket, too', async () => {
    const on = { host: null, port: null, socketPath: '/run/app.sock' };
    new ProfilerRegistry(directory).register({ ...SELF, ...on });
    expect(new ProfilerRegistry(directory).others()).toMatchObject([on]);
  });

  it('keeps others out of its files, which hold no arguments', async () => {
    const file = new ProfilerRegistry(directory).register(SELF);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(file!)).mode & 0o777).toBe(0o600);
    expect(await readFile(file!, 'utf8')).not.toContain('secret');
  });

  it('replaces what a process with the same id has left behind', async () => {
    await registered({ title: 'its predecessor' });
    new ProfilerRegistry(directory).register(SELF);
    expect(new ProfilerRegistry(directory).others()).toMatchObject([{ title: 'node' }]);
  });

  it('drops and removes the entry of a process that has ended', async () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    await registered({ pid });
    expect(new ProfilerRegistry(directory).others()).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
  });

  it('removes those also where nobody asks for the others', async () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    await registered({ pid });
    new ProfilerRegistry(directory).register({ ...SELF, port: 6061 });
    expect(await readdir(directory)).toEqual([`${process.pid}-6061.json`]);
  });

  it('drops and removes the entry of a process whose id another one has now', async () => {
    await registered({ startTicks: '1' });
    expect(new ProfilerRegistry(directory).others()).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
  });

  it('neither shows nor removes what belongs to another container', async () => {
    const file = await registered({ namespaces: 'pid:[1]net:[1]' });
    expect(new ProfilerRegistry(directory).others()).toEqual([]);
    expect(await readdir(directory)).toEqual([file.slice(directory.length + 1)]);
  });

  it.each([
    ['not JSON', '{'],
    ['empty', ''],
    ['null', 'null'],
    ['something else', '[1, 2]'],
    ['huge', `{"title": "${'x'.repeat(100_000)}"}`],
  ])('passes over an entry that is %s', async (_, text) => {
    await mkdir(directory, { mode: 0o700 });
    await writeFile(join(directory, '12-6060.json'), text);
    expect(new ProfilerRegistry(directory).others()).toEqual([]);
  });

  it.each([
    ['a port', { port: '6061"><script>' }],
    ['a host', { host: 'evil.example' }],
    ['a title', { title: 7 }],
    ['a socket', { host: null, port: null, socketPath: 'relative' }],
    ['a socket', { host: null, port: null }],
    ['a port', { port: 0 }],
    ['a port', { port: 70_000 }],
    ['a port', { port: null }],
    ['an instance', { instance: 7 }],
    ['a line of text', { title: 'a\nb' }],
    ['a line of text', { program: '/a\u001b[2J' }],
    ['a line of text', { host: null, port: null, socketPath: '/a\nssh evil' }],
  ])('passes over an entry whose value is no such thing as %s', async (_, over) => {
    await registered(over);
    expect(new ProfilerRegistry(directory).others()).toEqual([]);
  });

  it('takes an entry without what is null for one in which it is null', async () => {
    await registered({ socketPath: undefined, instance: undefined });
    expect(new ProfilerRegistry(directory).others()).toMatchObject([
      { port: 6060, socketPath: null, instance: null },
    ]);
  });

  it('writes what it is called on one line', async () => {
    new ProfilerRegistry(directory).register({ ...SELF, title: 'a\nb\u001b' });
    expect(new ProfilerRegistry(directory).others()).toMatchObject([{ title: 'a b ' }]);
  });

  it('removes what containers have left behind that were killed: what nobody has touched for days', async () => {
    const file = await registered({ namespaces: 'pid:[1]net:[1]' });
    const broken = join(directory, '12-6060.json');
    await writeFile(broken, '{');
    const daysAgo = (days: number) => new Date(Date.now() - days * 24 * 3600 * 1000);
    await Promise.all([file, broken].map((path) => utimes(path, daysAgo(1), daysAgo(1))));
    new ProfilerRegistry(directory).others();
    expect(await readdir(directory)).toHaveLength(2);
    await Promise.all([file, broken].map((path) => utimes(path, daysAgo(3), daysAgo(3))));
    new ProfilerRegistry(directory).others();
    expect(await readdir(directory)).toEqual([]);
  });

  it('is not held up by what is no file', async () => {
    await registered();
    execFileSync('mkfifo', [join(directory, '13-6060.json')]);
    await mkdir(join(directory, '14-6060.json'));
    expect(new ProfilerRegistry(directory).others()).toHaveLength(1);
  });

  it('sees those that run behind any number of others', async () => {
    await mkdir(directory, { mode: 0o700 });
    await Promise.all(
      Array.from({ length: 600 }, (_, index) => writeFile(join(directory, `${index}-6060.json`), '{')),
    );
    await registered();
    expect(new ProfilerRegistry(directory).others()).toHaveLength(1);
  });

  it('follows no link from its directory', async () => {
    const file = await registered();
    const elsewhere = join(parent, 'elsewhere.json');
    await writeFile(elsewhere, await readFile(file));
    await rm(file);
    await symlink(elsewhere, file);
    expect(new ProfilerRegistry(directory).others()).toEqual([]);
    // Nor does it write through one.
    new ProfilerRegistry(directory).register({ ...SELF, title: 'new' });
    expect(await readFile(elsewhere, 'utf8')).not.toContain('new');
  });
});

describe('ProfilerRegistry in a directory that is not ours alone', () => {
  it('refuses one that others can enter', async () => {
    await mkdir(directory);
    await chmod(directory, 0o711);
    await expectRefused(new ProfilerRegistry(directory));
    expect(await readdir(directory)).toEqual([]);
  });

  it('refuses a link, also to one of our own', async () => {
    const other = join(parent, 'other');
    await mkdir(other, { mode: 0o700 });
    await symlink(other, directory);
    await expectRefused(new ProfilerRegistry(directory));
    expect(await readdir(other)).toEqual([]);
  });

  it('refuses a file', async () => {
    await writeFile(directory, '');
    await expectRefused(new ProfilerRegistry(directory));
  });

  it('does without where it cannot be made', async () => {
    await expectRefused(new ProfilerRegistry(join(parent, 'missing', 'profilers')));
    await expectRefused(new ProfilerRegistry('/proc/nestjs-pprof'));
  });

  // Only root can give a directory away.
  (process.getuid?.() === 0 ? it : it.skip)("refuses somebody else's", async () => {
    await mkdir(directory, { mode: 0o700 });
    await chown(directory, 65_534, 65_534);
    await expectRefused(new ProfilerRegistry(directory));
  });
});
