import { describe, expect, it } from '@jest/globals';
import type { PprofModuleOptions } from '../pprof.options.js';
import { resolveListen } from './listen.options.js';

function resolve(options: PprofModuleOptions) {
  const problems: string[] = [];
  const resolved = resolveListen(options, problems);
  expect(problems).toEqual([]);
  return resolved;
}

function problemsOf(options: Record<string, unknown>): string[] {
  const problems: string[] = [];
  resolveListen(options as PprofModuleOptions, problems);
  return problems;
}

describe('resolveListen', () => {
  it('takes a socket in place of host and port', () => {
    expect(resolve({ socketPath: '/run/app/pprof.sock' }).socketPath).toBe('/run/app/pprof.sock');
  });

  it.each([
    'run/app.sock',
    './app.sock',
    '',
    '/run/',
    '/run/a\nb',
    '/run/a\0b',
    'http://x',
    6060,
    true,
    null,
  ])('refuses %j as socketPath', (socketPath) => {
    expect(problemsOf({ socketPath })).toEqual([
      expect.stringMatching(/^option "socketPath" is .*absolute path/),
    ]);
  });

  it.each([
    [{ host: '127.0.0.1' }, '"host"'],
    [{ port: 6060 }, '"port"'],
    [{ host: 'localhost', port: 0 }, '"host" and "port"'],
  ])('refuses a socket together with %j', (options, names) => {
    expect(problemsOf({ ...options, socketPath: '/run/app.sock' })).toEqual([
      `option "socketPath" takes the place of host and port, leave ${names} out (or undefined) or "socketPath"`,
    ]);
  });

  it('has no sockets on Windows', () => {
    const platform = Object.getOwnPropertyDescriptor(process, 'platform')!;
    Object.defineProperty(process, 'platform', { ...platform, value: 'win32' });
    try {
      expect(problemsOf({ socketPath: '/run/app.sock' })).toEqual([
        expect.stringMatching(/not available on Windows/),
      ]);
    } finally {
      Object.defineProperty(process, 'platform', platform);
    }
  });
});
