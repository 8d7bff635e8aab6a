import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { withoutOwnFrames } from './own.frames.js';

const AGENT = fileURLToPath(new URL('../../main/agent.js', import.meta.url));
const ADDON = createRequire(import.meta.url).resolve('@datadog/pprof');

function sampleIn(...files: string[]) {
  return { stack: files.map((file) => ({ functionName: 'f', file, line: 1, column: 1 })), values: [1] };
}

describe('withoutOwnFrames', () => {
  it.each([AGENT, pathToFileURL(AGENT).href, ADDON, pathToFileURL(ADDON).href])(
    'leaves out what was called from %s',
    (file) => {
      expect(withoutOwnFrames([sampleIn('/app/a.js', file, 'node:internal/main')])).toEqual([]);
      expect(withoutOwnFrames([sampleIn(file)])).toEqual([]);
    },
  );

  it('keeps all other code: also that of this package which the application runs itself', () => {
    const samples = [
      sampleIn('/app/a.js'),
      sampleIn(''),
      sampleIn('/app/src/agent/agent.js'),
      sampleIn(AGENT.replace('agent.js', '').replace(/.main.$/, '/mains/a.js')),
      sampleIn(fileURLToPath(new URL('../../pprof.service.js', import.meta.url))),
    ];
    expect(withoutOwnFrames(samples)).toEqual(samples);
  });
});
