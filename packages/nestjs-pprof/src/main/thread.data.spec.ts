import { afterEach, describe, expect, it } from '@jest/globals';
import { resolveOptions } from '../options.table.js';
import type { PprofModuleOptions } from '../pprof.options.js';
import { threadDataFor } from './process.facts.js';

const before = process.env.pm_id;

afterEach(() => {
  if (before === undefined) {
    delete process.env.pm_id;
  } else {
    process.env.pm_id = before;
  }
});

function dataFor(options: PprofModuleOptions) {
  const memory = new SharedArrayBuffer(8);
  const shared = { heartbeat: memory, connections: memory, workerStarts: memory, restarted: false };
  return threadDataFor(resolveOptions(options), undefined, shared);
}

function whenPortTaken(options: PprofModuleOptions, pm2Id?: string): string {
  if (pm2Id === undefined) {
    delete process.env.pm_id;
  } else {
    process.env.pm_id = pm2Id;
  }
  return dataFor(options).whenPortTaken;
}

describe('threadDataFor', () => {
  it('has a process wait for its port, unless others of its kind run beside it', () => {
    expect(whenPortTaken({})).toBe('wait');
    expect(whenPortTaken({}, '3')).toBe('next');
  });

  it('has text for whatever the application has put among its arguments', () => {
    const { argv } = process;
    process.argv = ['node', undefined, 7] as unknown as string[];
    try {
      expect(dataFor({}).application.argv).toEqual(['node', '', '7']);
    } finally {
      process.argv = argv;
    }
  });

  it('leaves it to the options', () => {
    expect(whenPortTaken({ whenPortTaken: 'wait' }, '3')).toBe('wait');
    expect(whenPortTaken({ whenPortTaken: 'next' })).toBe('next');
  });

  it.each([
    [undefined, false],
    ['', false],
    ['/tmp/coverage', true],
  ])('tells whether coverage is counted: NODE_V8_COVERAGE=%j', (directory, isOn) => {
    const coverage = process.env.NODE_V8_COVERAGE;
    if (directory === undefined) {
      delete process.env.NODE_V8_COVERAGE;
    } else {
      process.env.NODE_V8_COVERAGE = directory;
    }
    try {
      expect(dataFor({}).coverage).toBe(isOn);
    } finally {
      if (coverage === undefined) {
        delete process.env.NODE_V8_COVERAGE;
      } else {
        process.env.NODE_V8_COVERAGE = coverage;
      }
    }
  });
});
