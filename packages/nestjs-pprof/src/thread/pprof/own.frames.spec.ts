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

  it('keeps what the application does within a task with labels, without the frames in between', () => {
    const frame = (file: string, functionName = 'f') => ({ functionName, file, line: 1, column: 1 });
    const [work, handler] = [frame('/app/work.js'), frame('/app/handler.js')];
    const between = [
      frame('node:internal/async_local_storage'),
      frame(`${OWN[1]}out/src/time-profiler.js`, 'runWithContext'),
      ...['sample.labels.js', 'label.sets.js'].map((file) => frame(OWN[0]! + file)),
    ];
    expect(withoutOwnFrames([{ stack: [work, ...between, handler], values: [1] }], OWN)).toEqual([
      { stack: [work, between[0], handler], values: [1] },
    ]);
    // Put together for a profile, by the sampler.
    const noted = [frame(`${OWN[0]}label.sets.js`), frame(`${OWN[0]}cpu.sampler.js`)];
    expect(withoutOwnFrames([{ stack: noted, values: [1] }], OWN)).toEqual([]);
  });

  it('leaves nothing out where nothing is told', () => {
    const samples = [sampleIn(`${OWN[0]}agent.js`)];
    expect(withoutOwnFrames(samples)).toEqual(samples);
  });
});
