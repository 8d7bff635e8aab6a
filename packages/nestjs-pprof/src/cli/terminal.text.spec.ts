import { describe, expect, it } from '@jest/globals';
import { progressLine, terminalText, withProgress } from './terminal.text.js';

describe('terminalText', () => {
  it('keeps lines and tabs, and no other control character', () => {
    expect(terminalText('a\tb\r\nc\u001b[31m\u009b2J\rd\u0007\n')).toBe('a\tb\nc\\x1b[31m\\x9b2J\\rd\\x07\n');
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

describe('withProgress', () => {
  it('stays within a line of the terminal, which it writes over', async () => {
    const written: string[] = [];
    const output = { isTTY: true, columns: 20, write: (text: string) => written.push(text) > 0 };
    await withProgress('profile', 10, () => Promise.resolve(), output as never);
    expect(written).toEqual(['\r\u001b[Kprofile [----------', '\r\u001b[K']);
  });
});
