import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DeferredProgram } from './deferred.program.js';

let directory = '';
let count = 0;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'deferred-'));
});

afterAll(() => rmSync(directory, { recursive: true }));

function program<T>(text: string): DeferredProgram<T> {
  const file = join(directory, `program-${count++}.cjs`);
  writeFileSync(file, text);
  const deferred = new DeferredProgram<T>(file);
  rmSync(file);
  return deferred;
}

describe('DeferredProgram', () => {
  it('is evaluated once, although its file is gone', () => {
    const deferred = program<{ made: object }>('module.exports = { made: {} };');
    expect(deferred.load().made).toBe(deferred.load().made);
  });

  it('has modules of Node, and none that is installed: not even one that Node would find', () => {
    const deferred = program<(name: string) => unknown>('module.exports = require;');
    const require = deferred.load();
    expect(require('fs')).toBe(require('node:fs'));
    for (const name of ['rxjs', '@nestjs/microservices', '/etc/passwd', './a.cjs']) {
      expect(() => require(name)).toThrow(expect.objectContaining({ code: 'MODULE_NOT_FOUND' }));
    }
  });

  it('names its file in stacks', () => {
    const deferred = program<() => void>('module.exports = () => { throw new Error("within"); };');
    const thrown = (() => {
      try {
        return deferred.load()();
      } catch (error) {
        return error as Error;
      }
    })();
    expect(thrown?.stack).toMatch(/program-\d+\.cjs:1:\d+/);
  });

  it('is tried again where it failed', () => {
    const deferred = program(
      'if ((globalThis.tries = (globalThis.tries ?? 0) + 1) < 2) throw new Error("first");',
    );
    expect(() => deferred.load()).toThrow('first');
    expect(deferred.load()).toEqual({});
  });

  it('fails at once where there is no file', () => {
    expect(() => new DeferredProgram(join(directory, 'none.cjs'))).toThrow('ENOENT');
  });
});
