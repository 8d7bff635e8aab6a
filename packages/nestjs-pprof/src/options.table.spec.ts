import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { resolveOptions } from './options.table.js';
import { PROFILE_NAMES } from './shared/profile.names.js';
import { type PprofModuleOptions, PprofOptionsError } from './pprof.options.js';

/** What JavaScript, or a configuration that nobody has checked, may pass. */
function resolve(options: Record<string, unknown>) {
  return resolveOptions(options as PprofModuleOptions);
}

function problemsOf(options: Record<string, unknown>): readonly string[] {
  try {
    resolve(options);
  } catch (error) {
    if (error instanceof PprofOptionsError) {
      return error.problems;
    }
    throw error;
  }
  return [];
}

const DEFAULTS = {
  enabled: true,
  host: 'localhost',
  port: 6060,
  whenPortTaken: undefined,
  socketPath: undefined,
  allowedHosts: [],
  credentialsHash: undefined,
  profiles: PROFILE_NAMES,
  heap: { samplingInterval: 524_288, stackDepth: 64 },
  block: { watch: false, threshold: 20 },
  heapSnapshot: false,
  labels: { everything: false },
  outOfMemory: undefined,
  keepWarm: 60,
  maxSeconds: 300,
  maxCaptures: 16,
};

describe('resolveOptions', () => {
  it('takes nothing from what somebody has added to all objects, and what a class has inherited', () => {
    const added = { port: 1, socketPath: '/x', watch: true, directory: '/y' };
    Object.assign(Object.prototype, added);
    try {
      expect(resolve({})).toEqual(DEFAULTS);
      class Config {
        get port() {
          return 7070;
        }
      }
      expect(resolve(new (class extends Config {})() as never)).toEqual({ ...DEFAULTS, port: 7070 });
      expect(resolve({ port: 1 })).toEqual({ ...DEFAULTS, port: 1 });
    } finally {
      Object.keys(added).forEach((name) => Reflect.deleteProperty(Object.prototype, name));
    }
  });

  it('fills in every default', () => {
    expect(resolveOptions({})).toEqual(DEFAULTS);
  });

  it('takes undefined for "not given", also within heap and block', () => {
    const options = {
      enabled: undefined,
      host: undefined,
      port: undefined,
      socketPath: undefined,
      allowedHosts: undefined,
      auth: undefined,
      profiles: undefined,
      maxSeconds: undefined,
      maxCaptures: undefined,
      heap: { samplingInterval: undefined, stackDepth: undefined },
      block: { watch: undefined, threshold: undefined },
    };
    expect(resolve(options)).toEqual(DEFAULTS);
    expect(resolve({ heap: undefined, block: undefined })).toEqual(DEFAULTS);
  });

  it('keeps what is given and fills in the rest', () => {
    const options = {
      enabled: false,
      host: '::1',
      port: 0,
      heap: { stackDepth: 128 },
      block: { watch: true },
      heapSnapshot: true,
      maxSeconds: 3600,
      maxCaptures: 1,
    };
    expect(resolveOptions(options)).toEqual({
      ...DEFAULTS,
      ...options,
      heap: { samplingInterval: 524_288, stackDepth: 128 },
      block: { watch: true, threshold: 20 },
    });
  });

  it('switches heap sampling off with false', () => {
    expect(resolveOptions({ heap: false }).heap).toBe(false);
  });

  it.each(['localhost', '127.0.0.1', '127.8.9.10', '::1'])('accepts the host %s', (host) => {
    expect(resolveOptions({ host }).host).toBe(host);
  });

  it.each([
    'localhost.evil.com',
    'localhost6',
    '127.0.0.1.evil.com',
    '0.0.0.0',
    '10.0.2.555',
    '0177.0.0.1',
    '127.1',
    '::ffff:127.0.0.1',
    '::',
    '[::1]',
    'LOCALHOST',
    'localhost.',
    'localhost:6060',
    '',
    'example.com',
    42,
    null,
    ['127.0.0.1'],
  ])('refuses the host %j and says how to reach the profiler instead', (host) => {
    const [problem, ...others] = problemsOf({ host, port: 7070 });
    expect(problem).toMatch(/^option "host" is .*, it takes a loopback address: /);
    expect(problem).toContain('ssh -L 6060:127.0.0.1:7070 ');
    expect(others).toEqual([]);
  });

  it.each([-1, 65_536, 1.5, Number.NaN, Infinity, '6060', null, true])('refuses the port %p', (port) => {
    expect(problemsOf({ port })).toEqual([expect.stringMatching(/^option "port" is .* from 0 .* to 65535/)]);
  });

  it.each([0, 1, 65_535])('accepts the port %d', (port) => {
    expect(resolveOptions({ port }).port).toBe(port);
  });

  it.each([0, -1, 257, 1.5, Number.NaN, '16', null])('refuses %p as maxCaptures', (maxCaptures) => {
    expect(problemsOf({ maxCaptures })).toEqual([
      expect.stringMatching(/^option "maxCaptures" is .*1 to 256/),
    ]);
  });

  it.each([-1, 301, 1.5, Number.NaN, '60', null, false])('refuses %p as keepWarm', (keepWarm) => {
    expect(problemsOf({ keepWarm })).toEqual([
      expect.stringMatching(/^option "keepWarm" is .*0 \(never\) to 300/),
    ]);
  });

  it.each([0, -1, 3601, 1.5, Number.NaN, '300', null])('refuses %p as maxSeconds', (maxSeconds) => {
    expect(problemsOf({ maxSeconds })).toEqual([
      expect.stringMatching(/^option "maxSeconds" is .*1 to 3600/),
    ]);
  });

  it.each(['true', 'false', '', 0, 1, null])(
    'refuses %p for enabled: a truthy string is no switch',
    (enabled) => {
      expect(problemsOf({ enabled })).toEqual([
        expect.stringMatching(/^option "enabled" is .*true or false/),
      ]);
    },
  );

  it.each([
    [{ enabled: 'false' }, '/^(1|true|yes|on)$/i.test("false")'],
    [{ enabled: '' }, '/^(1|true|yes|on)$/i.test("")'],
    [{ labels: '1' }, '/^(1|true|yes|on)$/i.test("1")'],
    [{ port: '6060' }, 'Number("6060")'],
    [{ port: '' }, 'Number("" || 6060)'],
    [{ maxSeconds: '60' }, 'Number("60")'],
  ])('suggests how to convert a string from the environment: %j', (options, conversion) => {
    expect(problemsOf(options)).toEqual([
      expect.stringContaining(`a string from the environment? use ${conversion}`),
    ]);
  });

  it.each([
    ['1', true],
    ['true', true],
    ['TRUE', true],
    ['on', true],
    ['yes', true],
    ['0', false],
    ['false', false],
    ['off', false],
    ['no', false],
    ['', false],
    ['undefined', false],
    ['"); process.exit(1); ("', false],
  ])('suggests what makes of the text %j what it stands for', (enabled, meant) => {
    const [problem = ''] = problemsOf({ enabled });
    const [, expression = ''] = /use (.*)\)$/.exec(problem) ?? [];
    expect(runInNewContext(expression)).toBe(meant);
  });

  it('tells what Number() has made of a text that is no number', () => {
    expect(problemsOf({ port: Number('x') })).toEqual([
      expect.stringMatching(/^option "port" is NaN.*Number\(\) of what is no number/),
    ]);
  });

  it.each([undefined, null, 'text', 0, true, []])('refuses %p in the place of the options', (options) => {
    expect(() => resolveOptions(options)).toThrow(PprofOptionsError);
    expect(() => resolveOptions(options)).toThrow(
      /^PprofModule: the options are .*, where forRootAsync .*needs an object/,
    );
  });

  it.each([
    [[], 'an array'],
    [{}, 'an object'],
    [Object.create(null), 'an object'],
    [Symbol('port'), 'Symbol(port)'],
  ])('refuses %p as a port, and names it', (port, name) => {
    expect(problemsOf({ port })).toEqual([
      `option "port" is ${name}, it takes an integer from 0 (any free port) to 65535`,
    ]);
  });

  it.each(['true', 'false', 1, null])('refuses %p for heapSnapshot', (heapSnapshot) => {
    expect(problemsOf({ heapSnapshot })).toEqual([
      expect.stringMatching(/^option "heapSnapshot" is .*true or false/),
    ]);
  });

  it.each([true, null, 'off', 512])('refuses %p for heap', (heap) => {
    expect(problemsOf({ heap })).toEqual([expect.stringMatching(/^option "heap" is .* or false$/)]);
  });

  it.each([0, 1023, 2 ** 30 + 1, 2048.5, '524288', null])(
    'refuses %p as sampling interval',
    (samplingInterval) => {
      expect(problemsOf({ heap: { samplingInterval } })).toEqual([
        expect.stringMatching(/^option "heap.samplingInterval" is /),
      ]);
    },
  );

  it.each([0, 129, 1.5, '64', null])('refuses %p as stack depth', (stackDepth) => {
    expect(problemsOf({ heap: { stackDepth } })).toEqual([
      expect.stringMatching(/^option "heap.stackDepth" is /),
    ]);
  });

  it.each([true, false, null, 'on'])('refuses %p for block', (block) => {
    expect(problemsOf({ block })).toEqual([expect.stringMatching(/^option "block" is /)]);
  });

  it.each(['true', 1, null])('refuses %p for block.watch', (watch) => {
    expect(problemsOf({ block: { watch } })).toEqual([expect.stringMatching(/^option "block.watch" is /)]);
  });

  it.each([
    [true, { everything: false }],
    [{}, { everything: false }],
    [{ everything: true }, { everything: true }],
    [false, false],
  ])('takes %j for labels', (labels, resolved) => {
    expect(resolveOptions({ labels }).labels).toEqual(resolved);
  });

  it.each(['true', 1, null, []])('refuses %p for labels', (labels) => {
    expect(problemsOf({ labels })).toEqual([
      expect.stringMatching(/^option "labels" is .* takes true, false or an object with everything/),
    ]);
  });

  it('refuses what is no flag for labels.everything', () => {
    expect(problemsOf({ labels: { everything: 'yes' } })).toEqual([
      expect.stringMatching(/^option "labels.everything" is "yes"/),
    ]);
  });

  it.each([0, 60_001, 0.5, '20', null])('refuses %p as block.threshold', (threshold) => {
    expect(problemsOf({ block: { threshold } })).toEqual([
      expect.stringMatching(/^option "block.threshold" is /),
    ]);
  });

  it('names an option it does not know, at every level, with those it does', () => {
    expect(problemsOf({ prot: 6060, heap: { depth: 3 }, block: { watching: true } })).toEqual([
      'unknown option "prot", known are enabled, host, port, whenPortTaken, socketPath, allowedHosts, auth, profiles, heapSnapshot, heap, block, flightRecorder, labels, outOfMemory, keepWarm, maxSeconds, maxCaptures',
      'unknown option "heap.depth", known are samplingInterval, stackDepth',
      'unknown option "block.watching", known are watch, threshold',
    ]);
  });

  it('tells all problems at once', () => {
    const options = { enabled: 'yes', host: '0.0.0.0', port: -1, maxSeconds: 0, heap: { stackDepth: 0 } };
    const problems = problemsOf(options);
    expect(problems).toHaveLength(5);
    expect(() => resolve(options)).toThrow(`PprofModule: ${problems.join('; ')}`);
  });

  it('fills in the limits of what is left behind on running out of memory, and makes the directory absolute', () => {
    expect(resolveOptions({ outOfMemory: { directory: 'profiles' } }).outOfMemory).toEqual({
      directory: `${process.cwd()}/profiles`,
      maxFiles: 5,
      maxBytes: 67_108_864,
    });
    expect(resolveOptions({ outOfMemory: false }).outOfMemory).toBeUndefined();
  });

  it.each([
    [true, /^option "outOfMemory" is true, it takes an object with directory/],
    [{}, /^option "outOfMemory.directory" is undefined, it takes the path of a directory/],
    [{ directory: 1 }, /^option "outOfMemory.directory" is 1/],
    [
      { directory: '/x', maxFiles: 0 },
      /^option "outOfMemory.maxFiles" is 0, it takes an integer from 1 to 100/,
    ],
    [{ directory: '/x', maxBytes: 1 }, /^option "outOfMemory.maxBytes" is 1, it takes bytes/],
    [{ directory: '/x', maxfiles: 1 }, /^unknown option "outOfMemory.maxfiles"/],
  ])('refuses %j as outOfMemory', (outOfMemory, problem) => {
    expect(problemsOf({ outOfMemory })).toEqual([expect.stringMatching(problem)]);
  });

  it('refuses outOfMemory without the sampling of the heap that it needs', () => {
    expect(problemsOf({ outOfMemory: { directory: '/x' }, heap: false })).toEqual([
      expect.stringMatching(/^option "outOfMemory" needs the heap to be sampled: remove "heap: false"/),
    ]);
  });
});

describe('who may ask', () => {
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

  it('takes credentials, of which it hands on the hash alone', () => {
    const resolved = resolve({ auth: { username: 'ops', password: 'a:b ß' } });
    // printf 'ops:a:b ß' | sha256sum
    expect(resolved.credentialsHash).toBe('efac61c50bc37ec6a1fe8bb171e097748d39e283fe8a56c8b690168a922167d1');
    expect(JSON.stringify(resolved)).not.toContain('ß');
  });

  it.each([
    ['hunter2:hunter2', [/^option "auth" is of type string/]],
    [['hunter2', 'hunter2'], [/^option "auth" is of type object/]],
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

describe('where it listens', () => {
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

describe('what is served', () => {
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
