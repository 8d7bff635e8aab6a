import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isOomProfileName, listOomProfiles, oomProfileName, openOomProfile } from './oom-profile.files.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'oom-files-'));
});

afterEach(() => rm(directory, { recursive: true }));

describe('oomProfileName', () => {
  it('tells pid and time, and is recognized', () => {
    const name = oomProfileName(4711, new Date('2026-11-24T03:15:09.876Z'), '5f3a09c1');
    expect(name).toBe('oom-4711-20261124T031509Z-5f3a09c1.pb.gz');
    expect(isOomProfileName(name)).toBe(true);
    expect(isOomProfileName('oom-4711-20261124T031509Z.pb.gz')).toBe(true);
  });
});

describe('isOomProfileName', () => {
  it.each([
    '',
    '.',
    '..',
    'oom-1-20261124T031509Z.pb.gz/',
    '../oom-1-20261124T031509Z.pb.gz',
    'a/oom-1-20261124T031509Z.pb.gz',
    'oom-1-20261124T031509Z.pb.gz\n',
    'oom-1-20261124T031509Z.pb.gz\0',
    'oom--20261124T031509Z.pb.gz',
    'oom-1-20261124T031509.pb.gz',
    'oom-1-20261124T031509Z.pb',
    '.oom-1.tmp',
    'oom-1-20261124T031509Z-5f3a09c.pb.gz',
    'oom-1-20261124T031509Z-../../x.pb.gz',
    // No such time: https://tc39.es/ecma262/#sec-time-values-and-time-range throws for it later.
    'oom-5-99999999T999999Z.pb.gz',
    'oom-5-20260231T000000Z.pb.gz',
    'oom-5-20261301T000000Z.pb.gz',
    'oom-5-20260101T240000Z.pb.gz',
    'oom-5-20260101T000060Z.pb.gz',
    'oom-05-20260101T000000Z.pb.gz',
    'oom-5-00000000T000000Z.pb.gz',
  ])('refuses %j', (name) => {
    expect(isOomProfileName(name)).toBe(false);
  });
});

/** Whoever opens one, and does not say that it shall not, waits until somebody writes to it. */
function makeFifo(name: string): void {
  if (process.platform !== 'win32') {
    execFileSync('mkfifo', [join(directory, name)]);
  }
}

describe('listOomProfiles', () => {
  it('lists the newest first, and nothing that is not ours', async () => {
    const names = [
      'oom-9-20261124T031509Z.pb.gz',
      'oom-1-20261225T000000Z.pb.gz',
      'oom-3-20250101T000000Z.pb.gz',
    ];
    await Promise.all(
      [...names, 'notes.txt', '.oom-1.tmp'].map((name) => writeFile(join(directory, name), 'abc')),
    );
    await symlink('/etc/passwd', join(directory, 'oom-2-20261124T031509Z.pb.gz'));
    await mkdir(join(directory, 'oom-4-20261124T031509Z.pb.gz'));
    await writeFile(join(directory, 'oom-5-99999999T999999Z.pb.gz'), 'abc');
    makeFifo('oom-6-20261124T031509Z.pb.gz');
    expect(await listOomProfiles(directory)).toEqual([
      {
        name: 'oom-1-20261225T000000Z.pb.gz',
        pid: 1,
        writtenAt: new Date('2026-12-25T00:00:00Z'),
        bytes: 3,
      },
      expect.objectContaining({ pid: 9 }),
      expect.objectContaining({ pid: 3 }),
    ]);
  });

  it('takes a directory that there is not for an empty one', async () => {
    expect(await listOomProfiles(join(directory, 'missing'))).toEqual([]);
  });

  it('says where it cannot be read', async () => {
    await writeFile(join(directory, 'file'), '');
    await expect(listOomProfiles(join(directory, 'file'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });
});

describe('openOomProfile', () => {
  const name = 'oom-1-20261124T031509Z.pb.gz';

  it('gives the length and the content of a file, as it was when it was opened', async () => {
    await writeFile(join(directory, name), 'abc');
    const file = await openOomProfile(directory, name);
    await writeFile(join(directory, name), 'abcdef');
    expect([file?.size, String(await buffer(file!.stream))]).toEqual([3, 'abc']);
  });

  it('reads no more than a piece at a time', async () => {
    await writeFile(join(directory, name), '');
    await truncate(join(directory, name), 200_000_000);
    const { size, stream } = (await openOomProfile(directory, name))!;
    expect(size).toBe(200_000_000);
    for await (const chunk of stream) {
      expect((chunk as Buffer).length).toBeLessThanOrEqual(64 * 1024);
      break;
    }
  });

  it('has none of a directory, a link, a FIFO, an empty file, or where there is nothing', async () => {
    const path = join(directory, name);
    expect(await openOomProfile(directory, name)).toBeUndefined();
    await mkdir(path);
    expect(await openOomProfile(directory, name)).toBeUndefined();
    await rm(path, { recursive: true });
    await symlink('/etc/passwd', path);
    expect(await openOomProfile(directory, name)).toBeUndefined();
    await rm(path);
    makeFifo(name);
    expect(await openOomProfile(directory, name)).toBeUndefined();
    await rm(path, { force: true });
    await writeFile(path, '');
    expect(await openOomProfile(directory, name)).toBeUndefined();
  });

  it('has none by another name', async () => {
    await writeFile(join(directory, 'secret.txt'), 'secret');
    for (const other of ['secret.txt', `../${name}`, `${name}/`, 'oom-5-99999999T999999Z.pb.gz']) {
      expect(await openOomProfile(directory, other)).toBeUndefined();
    }
  });
});
