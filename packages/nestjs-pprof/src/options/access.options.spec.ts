import { describe, expect, it } from '@jest/globals';
import type { PprofModuleOptions } from '../pprof.options.js';
import { resolveAccess } from './access.options.js';

function resolve(options: PprofModuleOptions) {
  const problems: string[] = [];
  const resolved = resolveAccess(options, problems);
  expect(problems).toEqual([]);
  return resolved;
}

function problemsOf(options: Record<string, unknown>): string[] {
  const problems: string[] = [];
  resolveAccess(options as PprofModuleOptions, problems);
  return problems;
}

describe('resolveAccess', () => {
  it('takes names and addresses as allowed hosts', () => {
    const allowedHosts = [
      'pprof.internal',
      'Host-1',
      'my_service',
      '10.0.0.7',
      '2001:db8::1',
      'xn--bcher-kva.example',
    ];
    expect(resolve({ allowedHosts }).allowedHosts).toEqual(allowedHosts);
  });

  it.each([
    '*',
    '*.internal',
    '.internal',
    'pprof.internal.',
    'pprof.internal:6060',
    'http://pprof.internal',
    'pprof.internal/',
    '[::1]',
    'fe80::1%eth0',
    '127.1',
    '10.0.2.555',
    '0x7f.0x1',
    'a b',
    'bücher.example',
    '-a',
    'a..b',
    `${'a'.repeat(64)}.internal`,
    '',
    7,
    null,
  ])('refuses %j as an allowed host', (host) => {
    expect(problemsOf({ allowedHosts: ['ok.internal', host] })).toEqual([
      expect.stringMatching(/^option "allowedHosts" has .*without scheme, port or wildcard/),
    ]);
  });

  it.each(['pprof.internal', true, null, {}])('refuses %j as allowedHosts', (allowedHosts) => {
    expect(problemsOf({ allowedHosts })).toEqual([
      expect.stringMatching(/^option "allowedHosts" is .*an array/),
    ]);
  });

  it('takes credentials', () => {
    const auth = { username: 'ops', password: 'a:b c' };
    expect(resolve({ auth }).auth).toEqual(auth);
  });

  it.each([
    ['hunter2:hunter2', [/^option "auth" is of type string/]],
    [
      ['hunter2', 'hunter2'],
      [/unknown/, /unknown/, /username" is undefined/, /password" is undefined/],
    ],
    [null, [/^option "auth" is null/]],
    [{}, [/^option "auth.username" is undefined/, /^option "auth.password" is undefined/]],
    [{ username: 'ops', password: '' }, [/^option "auth.password" is ""/]],
    [{ username: 'ops', password: 'hunter2\n' }, [/^option "auth.password" is of type string/]],
    [
      { username: 'hunter2:ops', password: 'hunter2' },
      [/^option "auth.username" is of type string .* without colons/],
    ],
    [{ username: 'ops', password: ['hunter2'] }, [/^option "auth.password" is of type object/]],
    [{ username: 'ops', password: 'hunter2', realm: 'hunter2' }, [/^unknown option "auth.realm"/]],
  ])('refuses %j as auth, and does not repeat it', (auth, expected) => {
    const problems = problemsOf({ auth });
    expect(problems).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
    expect(problems.join()).not.toContain('hunter2');
  });
});
