import { describe, expect, it } from '@jest/globals';
import type { RunningProfiler } from '../shared/process.variables.js';
import { listText } from './list.command.js';
import { progressLine } from './progress.bar.js';
import { shortDuration, terminalText } from './terminal.text.js';

describe('terminalText', () => {
  it('keeps lines and tabs, and no other control character', () => {
    expect(terminalText('a\tb\r\nc\u001b[31m\u009b2J\rd\u0007\n')).toBe('a\tb\nc\\x1b[31m\\x9b2J\\rd\\x07\n');
  });
});

describe('shortDuration', () => {
  it.each([
    [0.4, '0 s'],
    [59, '59 s'],
    [60, '1 min'],
    [3 * 3600 + 60 * 20, '3 h 20 min'],
    [86_400 * 3 + 3600 * 4, '3 d 4 h'],
  ])('%d', (seconds, text) => {
    expect(shortDuration(seconds)).toBe(text);
  });
});

describe('progressLine', () => {
  it('counts down, and then says that it waits', () => {
    expect(progressLine('profile', 10, 0)).toMatch(/^profile \[-{30}\] 10 s left/);
    expect(progressLine('profile', 10, 5.2)).toMatch(/^profile \[#{15}-{15}\] 5 s left/);
    expect(progressLine('profile', 10, 10.1)).toMatch(/waiting for the answer/);
    expect(progressLine('stacks', undefined, 0)).toMatch(/waiting for the answer/);
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
