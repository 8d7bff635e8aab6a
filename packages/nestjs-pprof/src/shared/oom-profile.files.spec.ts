import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isOomProfileName, listOomProfiles, oomProfileName } from './oom-profile.files.js';

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
  ])('refuses %j', (name) => {
    expect(isOomProfileName(name)).toBe(false);
  });
});

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
