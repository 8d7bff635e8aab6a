import { mkdtemp, rm } from 'node:fs/promises';
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

it('warns of a directory that cannot be made', () => {
  expect(isUsable('flightRecorder.directory', '/dev/null/below', warn)).toBe(false);
  expect(warnings).toEqual([
    expect.stringMatching(/^Flight recorder: nothing is written .*: .*ENOTDIR.*"flightRecorder.directory"/),
  ]);
});
