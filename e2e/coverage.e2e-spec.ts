import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { killProcesses } from './support/app.process.js';
import { profilerOf, startFixture } from './support/fixture.app.js';
import { request, served } from './support/http.request.js';
import { temporaryDirectory } from './support/temporary.directory.js';
import { ThreadsApp } from './threads/threads.app.js';

afterEach(killProcesses);

interface FunctionCoverage {
  readonly functionName: string;
  readonly isBlockCoverage: boolean;
  readonly ranges: readonly { readonly count: number }[];
}

interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly FunctionCoverage[];
}

describe('a process that counts code coverage', () => {
  it("refuses what needs V8's profiler, serves the rest, and keeps its counts by the block", async () => {
    const directory = await temporaryDirectory('coverage-');
    const app = startFixture('http', {}, { env: { NODE_V8_COVERAGE: directory } });
    const pprof = `${await profilerOf(app)}/debug/pprof`;
    for (const path of [
      'goroutine',
      'block?seconds=1',
      'profile?seconds=1&format=cpuprofile',
      'profile?seconds=1&threads=7',
    ]) {
      const { status, text } = await request(`${pprof}/${path}`);
      expect({ path, status, text }).toEqual({
        path,
        status: 409,
        text: expect.stringMatching(/^code coverage is on .*NODE_V8_COVERAGE.* still work/),
      });
    }
    for (const path of [
      'profile?seconds=1',
      'heap',
      'allocs?seconds=1',
      'block',
      'threadcreate',
      'trace?seconds=1',
    ]) {
      await served(`${pprof}/${path}`);
    }
    void app.call('exit', 0).catch(() => undefined);
    expect(await app.exited).toEqual({ code: 0, signal: null });
    const functions = await coverageOf(/\/commands\.mjs$/, directory);
    // Counted after the requests: where the mode has fallen back, it is not by the block.
    expect(functions.filter(({ functionName }) => functionName === 'exit')).toEqual([
      expect.objectContaining({
        isBlockCoverage: true,
        ranges: [expect.objectContaining({ count: 1 })],
      }),
    ]);
  });

  it('refuses what needs the profiler also where the main thread is stuck', async () => {
    const directory = await temporaryDirectory('coverage-');
    const app = await ThreadsApp.start({}, { NODE_V8_COVERAGE: directory });
    await app.stickIn('spinForever');
    for (const path of ['profile?seconds=1', 'profile?seconds=1&threads=main', 'goroutine']) {
      const { status, text } = await request(`${app.pprof}/${path}`);
      expect({ path, status, text }).toEqual({
        path,
        status: 409,
        text: expect.stringMatching(/^code coverage is on /),
      });
    }
    await served(`${app.pprof}/heap`);
  });
});

/** Of the scripts of that name alone: Node's own are in the files too, and never by the block. */
async function coverageOf(url: RegExp, directory: string): Promise<FunctionCoverage[]> {
  const files = await readdir(directory);
  const texts = await Promise.all(files.map((file) => readFile(join(directory, file), 'utf8')));
  return texts
    .flatMap((text) => (JSON.parse(text) as { result: ScriptCoverage[] }).result)
    .filter((script) => url.test(script.url))
    .flatMap(({ functions }) => functions);
}
