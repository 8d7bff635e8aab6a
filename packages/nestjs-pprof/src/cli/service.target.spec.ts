import { describe, expect, it } from '@jest/globals';
import type { RunningProfiler } from '../shared/process.variables.js';
import { defaultTarget, listText, parseTarget } from './service.target.js';

const RUNNING: RunningProfiler = {
  pid: 7,
  title: 'node',
  program: '/app/main.js',
  instance: null,
  host: '127.0.0.1',
  port: 6061,
  socketPath: null,
};

describe('parseTarget', () => {
  it.each([
    ['6061', { origin: 'http://127.0.0.1:6061', prefix: '', socketPath: undefined }],
    ['http://localhost:7070', { origin: 'http://localhost:7070', prefix: '' }],
    ['localhost:7070', { origin: 'http://localhost:7070' }],
    ['http://[::1]:6060/debug/pprof/', { origin: 'http://[::1]:6060', prefix: '' }],
    ['http://127.0.0.1:6060/debug/pprof/profile?seconds=3', { origin: 'http://127.0.0.1:6060', prefix: '' }],
    ['https://x.example/proxy/debug/pprof', { origin: 'https://x.example', prefix: '/proxy' }],
    ['/run/app.sock', { socketPath: '/run/app.sock', label: '/run/app.sock' }],
    ['unix:/run/app.sock', { socketPath: '/run/app.sock' }],
    ['unix:///run/app.sock', { socketPath: '/run/app.sock' }],
  ])('%s', (text, expected) => {
    expect(parseTarget(text)).toMatchObject(expected);
  });

  it('takes a path that begins with a dot from where it is', () => {
    expect(parseTarget('./app.sock').socketPath).toBe(`${process.cwd()}/app.sock`);
  });

  it('keeps credentials out of what is shown', () => {
    const target = parseTarget('http://ops:p%40ss@127.0.0.1:6060/');
    expect(target).toMatchObject({ username: 'ops', password: 'p@ss' });
    expect(`${target.label}${target.origin}`).not.toMatch(/ops|p%40ss/);
    expect(() => parseTarget('ftp://ops:secret@host')).toThrow(/^(?!.*secret).*not a port/);
  });

  it.each(['', '0', '70000', 'http://', 'a b', 'ftp://x', 'http://ops:50%@host'])('%j is none', (text) => {
    expect(() => parseTarget(text)).toThrow('not a port');
  });
});

describe('defaultTarget', () => {
  it('is the only profiler that runs here, or what a tunnel leads to', () => {
    expect(defaultTarget([RUNNING], 'top').origin).toBe('http://127.0.0.1:6061');
    expect(defaultTarget([{ ...RUNNING, host: '::1' }], 'top').origin).toBe('http://[::1]:6061');
    expect(
      defaultTarget([{ ...RUNNING, host: null, port: null, socketPath: '/run/a' }], 'top').socketPath,
    ).toBe('/run/a');
    expect(defaultTarget([], 'top').origin).toBe('http://127.0.0.1:6060');
  });

  it('is not guessed where there are several', () => {
    const running = [
      RUNNING,
      { ...RUNNING, port: 6062, instance: 'cluster worker 2', title: 'ev\u001b[2Jil' },
    ];
    expect(() => defaultTarget(running, 'stacks')).toThrow(
      [
        'several processes can be profiled here, name one by its port or socket, such as: npx nestjs-pprof stacks 6061',
        'port or socket  pid  process                        program',
        '6061            7    node                           /app/main.js',
        '6062            7    cluster worker 2, ev\\x1b[2Jil  /app/main.js',
      ].join('\n'),
    );
  });
});

describe('listText', () => {
  const running: RunningProfiler = {
    pid: 7,
    title: 'ev\u001b[2Jil',
    program: '/app/main.js',
    instance: 'cluster worker 2',
    host: '127.0.0.1',
    port: 6061,
    socketPath: null,
  };

  it('is a table whose text is only that', () => {
    expect(
      listText([running, { ...running, host: null, port: null, socketPath: '/run/a.sock' }], false),
    ).toBe(
      [
        'port or socket  pid  process                        program',
        '6061            7    cluster worker 2, ev\\x1b[2Jil  /app/main.js',
        '/run/a.sock     7    cluster worker 2, ev\\x1b[2Jil  /app/main.js',
        '',
      ].join('\n'),
    );
  });

  it('is JSON for scripts, and says what may be wrong where there is none', () => {
    expect(JSON.parse(listText([running], true))).toEqual([running]);
    expect(listText([], true)).toBe('[]\n');
    expect(listText([], false)).toMatch(/^none: .*another user/);
  });
});
