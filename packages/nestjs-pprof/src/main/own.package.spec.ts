import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { ownCode, ownPackage } from './own.package.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

describe('ownPackage', () => {
  it('is the directory that this file is in', () => {
    expect(ownPackage()).toEqual({ directory: here('../..').replace(/.$/, ''), isUnbundled: true });
  });
});

describe('ownCode', () => {
  const ADDON = createRequire(import.meta.url).resolve('@datadog/pprof');

  it.each([here('agent.js'), here('agent.js').replace(/^/, 'file://'), ADDON, pathToFileURL(ADDON).href])(
    'has %s',
    (file) => {
      expect(ownCode().filter((start) => file.startsWith(start))).toHaveLength(1);
    },
  );

  it.each([here('../pprof.service.js'), here('../mains/a.js'), '/app/a.js', ''])('has not %j', (file) => {
    expect(ownCode().filter((start) => file.startsWith(start))).toEqual([]);
  });
});
