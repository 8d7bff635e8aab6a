import { describe, expect, it } from '@jest/globals';
import { withoutOwnFrames } from './own.frames.js';

const OWN = ['/app/node_modules/nestjs-pprof/dist/esm/main/', 'file:///app/node_modules/@datadog/pprof/'];

function sampleIn(...files: string[]) {
  return { stack: files.map((file) => ({ functionName: 'f', file, line: 1, column: 1 })), values: [1] };
}

describe('withoutOwnFrames', () => {
  it.each([`${OWN[0]}agent.js`, `${OWN[1]}out/src/index.js`])(
    'leaves out what was called from %s',
    (file) => {
      expect(withoutOwnFrames([sampleIn('/app/a.js', file, 'node:internal/main')], OWN)).toEqual([]);
      expect(withoutOwnFrames([sampleIn(file)], OWN)).toEqual([]);
    },
  );

  it('keeps all other code: also that of this package which the application runs itself', () => {
    const samples = [
      sampleIn('/app/a.js'),
      sampleIn(''),
      sampleIn('/app/src/main/agent.js'),
      sampleIn('/app/node_modules/nestjs-pprof/dist/esm/mains/a.js'),
      sampleIn('/app/node_modules/nestjs-pprof/dist/esm/pprof.service.js'),
    ];
    expect(withoutOwnFrames(samples, OWN)).toEqual(samples);
  });

  it('leaves nothing out where nothing is told', () => {
    const samples = [sampleIn(`${OWN[0]}agent.js`)];
    expect(withoutOwnFrames(samples)).toEqual(samples);
  });
});
