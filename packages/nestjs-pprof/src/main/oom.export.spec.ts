import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { resolveOptions } from '../options.table.js';
import { isUsable, prepareOomExport } from './oom.export.js';

const HEAP = { samplingInterval: 1024, stackDepth: 64 };

let directory: string;
let warnings: string[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'oom-export-'));
  warnings = [];
});

afterEach(() => rm(directory, { recursive: true }));

function warn(text: string): void {
  warnings.push(text);
}

describe('where there is no directory for temporary files', () => {
  const missing = '/no/directory/for/temporary/files';

  it('takes the directory of the flight recorder, which needs none for what an exception or a signal ends', () => {
    expect(isUsable('flightRecorder.directory', directory, warn)).toBe(true);
    expect(warnings).toEqual([]);
  });

  it.each(['outOfMemory', 'flightRecorder'])('says that %s writes nothing when memory runs out', (name) => {
    const options = resolveOptions({ [name]: { directory } });
    expect(prepareOomExport(options, HEAP, warn, missing)).toBeUndefined();
    expect(warnings).toEqual([
      expect.stringMatching(/^Nothing is written when memory runs out: .*ENOENT.*must be writable/),
    ]);
  });
});

it.each([
  ['/dev/null/below', 'ENOTDIR'],
  // Node's `recursive` never returns there.
  ['/proc/no/directory', 'ENOENT'],
])('warns of a directory that cannot be made: %s', (path, code) => {
  expect(isUsable('flightRecorder.directory', path, warn)).toBe(false);
  expect(warnings).toEqual([
    expect.stringMatching(
      new RegExp(`^Flight recorder: nothing is written .*: .*${code}.*"flightRecorder.directory"`),
    ),
  ]);
});

it('makes the directory, and those above it, for the owner alone', async () => {
  const path = join(directory, 'service', 'profiles');
  expect(isUsable('flightRecorder.directory', path, warn)).toBe(true);
  expect(isUsable('flightRecorder.directory', path, warn)).toBe(true);
  expect((await stat(path)).mode & 0o777).toBe(0o700);
  expect(warnings).toEqual([]);
});
