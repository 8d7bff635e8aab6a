import { describe, expect, it } from '@jest/globals';
import type { PprofModuleOptions } from '../pprof.options.js';
import { resolveServed } from './served.options.js';

function resolve(options: PprofModuleOptions) {
  const problems: string[] = [];
  const resolved = resolveServed(options, problems);
  expect(problems).toEqual([]);
  return resolved;
}

function problemsOf(options: Record<string, unknown>): string[] {
  const problems: string[] = [];
  resolveServed(options as PprofModuleOptions, problems);
  return problems;
}

describe('resolveServed', () => {
  it('takes names of profiles, also none', () => {
    expect(resolve({ profiles: ['heap', 'profile'] }).profiles).toEqual(['heap', 'profile']);
    expect(resolve({ profiles: [] }).profiles).toEqual([]);
  });

  it.each(['cpu', 'Heap', 'cmdline', '', 7, null])('refuses the profile %j, with those there are', (name) => {
    expect(problemsOf({ profiles: ['heap', name] })).toEqual([
      expect.stringMatching(/^option "profiles" has .*names: profile, heap, /),
    ]);
  });

  it.each(['heap', true, null])('refuses %j as profiles', (profiles) => {
    expect(problemsOf({ profiles })).toEqual([
      expect.stringMatching(/^option "profiles" is .*an array of names/),
    ]);
  });
});
