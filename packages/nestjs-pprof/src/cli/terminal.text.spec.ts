import { describe, expect, it } from '@jest/globals';
import { progressLine, terminalText } from './terminal.text.js';

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
