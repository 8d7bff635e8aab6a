import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { listOomProfiles } from './oom-profile.files.js';
import { storeOomProfile } from './oom-profile.files.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'oom-store-'));
});

afterEach(() => rm(directory, { recursive: true }));

/** One a minute. */
function store(minute: number, bytes: number, limits: { maxFiles?: number; maxBytes?: number } = {}) {
  const time = new Date(Date.UTC(2026, 0, 1, 0, minute));
  return storeOomProfile(
    { directory, maxFiles: 3, maxBytes: 100, ...limits },
    7,
    time,
    Buffer.alloc(bytes, String(minute)),
  );
}

async function minutes(): Promise<number[]> {
  const names = await readdir(directory);
  return names
    .map((name) => Number(name.slice('oom-7-20260101T00'.length).slice(0, 2)))
    .toSorted((a, b) => a - b);
}

describe('storeOomProfile', () => {
  it('writes the file whole, for its owner alone', async () => {
    await store(5, 10);
    const [name = '', ...others] = await readdir(directory);
    expect(name).toMatch(/^oom-7-20260101T000500Z-[0-9a-f]{8}\.pb\.gz$/);
    expect(others).toEqual([]);
    const file = join(directory, name);
    expect(await readFile(file, 'utf8')).toBe('5'.repeat(10));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('keeps the newest, up to the number of files', async () => {
    for (let minute = 1; minute <= 5; minute++) {
      await store(minute, 1);
    }
    expect(await minutes()).toEqual([3, 4, 5]);
    await store(6, 1, { maxFiles: 1 });
    expect(await minutes()).toEqual([6]);
  });

  it('keeps the newest, up to the number of bytes', async () => {
    await store(1, 40);
    await store(2, 40);
    await store(3, 40);
    expect(await minutes()).toEqual([2, 3]);
    await store(4, 100);
    expect(await minutes()).toEqual([4]);
  });

  it('refuses one that is larger than all may be, and deletes none for it', async () => {
    await store(1, 40);
    await expect(store(2, 101)).rejects.toThrow('it has 101 bytes, and "maxBytes" is 100');
    expect(await minutes()).toEqual([1]);
  });

  it('deletes what was left half written, and nothing else', async () => {
    const abandoned = ['.oom-7.tmp', '.oom-7-0123abcd.tmp'].map((name) => join(directory, name));
    for (const file of abandoned) {
      await writeFile(file, 'half');
      await utimes(file, 0, 0);
    }
    await writeFile(join(directory, 'notes.txt'), 'mine');
    await writeFile(join(directory, '.oom-1-89abcdef.tmp'), 'of another process, which writes it now');
    await store(1, 10, { maxFiles: 1 });
    expect((await readdir(directory)).toSorted()).toEqual([
      '.oom-1-89abcdef.tmp',
      'notes.txt',
      expect.stringMatching(/^oom-7-20260101T000100Z-/),
    ]);
  });

  it('keeps what many write in the same second, under the same pid, at the same time', async () => {
    await Promise.all(Array.from({ length: 150 }, () => store(1, 10, { maxFiles: 1000, maxBytes: 1e6 })));
    expect(await readdir(directory)).toHaveLength(150);
    expect((await listOomProfiles(directory)).length).toBe(150);
  });
});
