import { describe, expect, it } from '@jest/globals';
import { isMark, markTruncated, printable, syntheticFrame, TRUNCATED } from './profile.model.js';

describe('printable', () => {
  it.each([
    ['\nthread main [stuck]:\nfake', '\\nthread main [stuck]:\\nfake'],
    ['cr\r\ttab', 'cr\\r\\ttab'],
    ['\u001b[2Jred', '\\x1b[2Jred'],
    ['\u009b2Jc1', '\\x9b2Jc1'],
    ['nul\u0000', 'nul\\x00'],
    ['\u202etxt.exe', '\\u202etxt.exe'],
    ['a\u2066b\u2069', 'a\\u2066b\\u2069'],
    ['line\u2028separator', 'line\\u2028separator'],
    ['zero\u200bwidth\ufeff', 'zero\\u200bwidth\\ufeff'],
    ['lone \ud800 surrogate', 'lone \\ud800 surrogate'],
    ['tag \u{e0041}', 'tag \\ue0041'],
  ])('escapes %j', (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it.each(['buildReport', 'größe', 'نام\u200cها', '名前', '👩\u200d💻', 'C:\\srv\\app.js', '<anonymous>'])(
    'leaves %s as it is',
    (text) => {
      expect(printable(text)).toBe(text);
    },
  );

  it('cuts what is too long', () => {
    expect(printable('abcdef', 4)).toBe('abcd…');
    expect(printable('abcd', 4)).toBe('abcd');
  });
});

describe('isMark', () => {
  it('is what has no file and no line', () => {
    expect(isMark(syntheticFrame('(idle)'), '(idle)')).toBe(true);
    expect(isMark({ functionName: '(idle)', file: '/app/a.js', line: 3, column: 1 }, '(idle)')).toBe(false);
    // As V8 has a function that was made by `eval`.
    expect(isMark({ functionName: '(idle)', file: '', line: 1, column: 9 }, '(idle)')).toBe(false);
    expect(isMark(undefined, '(idle)')).toBe(false);
  });
});

describe('markTruncated', () => {
  const frame = (functionName: string, file = '/app/a.js') => ({ functionName, file, line: 1, column: 1 });
  const walk = frame('walk');
  const load = frame('Module.load', 'node:internal/modules/cjs/loader');
  const deep = (frames: number) => Array.from({ length: frames }, () => walk);

  it('puts (truncated) below a recursion whose beginning is not there', () => {
    expect(markTruncated(deep(255))).toEqual([...deep(255), TRUNCATED]);
    // Built-in functions between the calls are not in the profile, but they count.
    expect(markTruncated(deep(170)).at(-1)).toBe(TRUNCATED);
    expect(markTruncated([...deep(200), load, walk, load]).at(-1)).toBe(TRUNCATED);
  });

  it('leaves a stack with its root, or one that is not deep, as it is', () => {
    expect(markTruncated(deep(100))).toHaveLength(100);
    expect(markTruncated([...deep(200), frame('handler')])).toHaveLength(201);
    expect(markTruncated([...deep(300), frame('processTimers', 'node:internal/timers')])).toHaveLength(301);
    expect(markTruncated([])).toEqual([]);
  });

  it('takes what is as deep as V8 keeps for cut, unless it begins in Node', () => {
    expect(markTruncated([...deep(254), frame('handler')]).at(-1)).toBe(TRUNCATED);
  });
});
