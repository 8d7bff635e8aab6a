import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { FileError, runCapture } from './capture.command.js';
import { COMMANDS } from './command.table.js';
import type { ServiceClient } from './service.client.js';

const profile = COMMANDS.find(({ name }) => name === 'profile')!;
const get = jest.fn<ServiceClient['get']>();
const surroundings = {
  client: { get } as unknown as ServiceClient,
  signal: new AbortController().signal,
  stdout: process.stdout,
};

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cli-'));
  get.mockReset();
});

afterEach(() => rm(directory, { recursive: true }));

describe('runCapture', () => {
  it.each(['missing/cpu.pb.gz', '.'])('asks for nothing that could not be written: %s', async (name) => {
    const options = { output: join(directory, name), format: 'pprof' };
    await expect(runCapture(profile, options, surroundings)).rejects.toThrow(FileError);
    expect(get).not.toHaveBeenCalled();
  });

  it('leaves no file behind where there is no answer', async () => {
    get.mockRejectedValue(new Error('nobody answers'));
    const options = { output: join(directory, 'cpu.pb.gz') };
    await expect(runCapture(profile, options, surroundings)).rejects.toThrow('nobody answers');
    expect(await readdir(directory)).toEqual([]);
  });
});
