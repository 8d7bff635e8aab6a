import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SnapshotFileError } from './threads.errors.js';
import { UnlinkedFile } from './heap.snapshot.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'unlinked-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('UnlinkedFile', () => {
  it('is read from the beginning, with the size in bytes that it has told', async () => {
    const file = UnlinkedFile.create(directory);
    file.write('größe');
    file.write(' zwei');
    expect(file.size).toBe(12);
    expect(await text(file.read())).toBe('größe zwei');
  });

  it('has no name, from the beginning', () => {
    const file = UnlinkedFile.create(directory);
    expect(readdirSync(directory)).toEqual([]);
    file.write('x');
    expect(readdirSync(directory)).toEqual([]);
    file.close();
  });

  it('is given up in the middle without a trace', async () => {
    const file = UnlinkedFile.create(directory);
    file.write('x'.repeat(1e6));
    const stream = file.read();
    await new Promise((resolve) => stream.once('readable', resolve));
    const closed = new Promise((resolve) => stream.once('close', resolve));
    stream.destroy();
    await closed;
    expect(() => file.write('more')).toThrow(SnapshotFileError);
  });

  it('writes nothing once it is closed: its descriptor may be another file by then', () => {
    const file = UnlinkedFile.create(directory);
    file.close();
    const others = Array.from({ length: 3 }, (_, index) => join(directory, `other-${index}`));
    const descriptors = others.map((name) => openSync(name, 'w'));
    try {
      expect(() => file.write('a chunk that was on its way')).toThrow(SnapshotFileError);
      expect(others.map((name) => statSync(name).size)).toEqual([0, 0, 0]);
    } finally {
      descriptors.forEach(closeSync);
    }
  });

  it('says what to do where there is no directory to write to', () => {
    const missing = join(directory, 'missing');
    expect(() => UnlinkedFile.create(missing)).toThrow(SnapshotFileError);
    expect(() => UnlinkedFile.create(missing)).toThrow(/cannot be written to .*missing: .*ENOENT/);
    expect(() => UnlinkedFile.create(missing)).toThrow(/set TMPDIR/);
  });
});
