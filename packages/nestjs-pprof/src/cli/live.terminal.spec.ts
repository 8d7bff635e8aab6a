import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { bold, inLines, LiveTerminal } from './live.terminal.js';

class FakeTerminal extends EventEmitter {
  columns = 10;
  rows = 3;
  raw = false;
  written: string[] = [];

  setRawMode(on: boolean): this {
    this.raw = on;
    return this;
  }

  setEncoding(): this {
    return this;
  }

  pause(): this {
    return this;
  }

  write(text: string): boolean {
    this.written.push(text);
    return true;
  }
}

function open(onKey: (key: string) => void = () => undefined): {
  live: LiveTerminal;
  terminal: FakeTerminal;
} {
  const terminal = new FakeTerminal();
  return { terminal, live: new LiveTerminal(terminal as never, terminal as never, onKey) };
}

describe('LiveTerminal', () => {
  it('draws what there is room for, and again when the window changes', () => {
    const { live, terminal } = open();
    live.show([bold('0123456789abc'), 'short', 'c', 'd']);
    expect(terminal.written.at(-1)).toBe(
      '\u001b[H\u001b[1m0123456789\u001b[0m\u001b[K\r\nshort\u001b[K\r\nc\u001b[K\u001b[J',
    );
    terminal.columns = 4;
    terminal.rows = 1;
    terminal.emit('resize');
    expect(terminal.written.at(-1)).toBe('\u001b[H\u001b[1m0123\u001b[0m\u001b[K\u001b[J');
    live.close();
  });

  it('leaves the terminal as it was, once, however often it is closed', () => {
    const { live, terminal } = open();
    expect(terminal.raw).toBe(true);
    live.close();
    live.close();
    terminal.emit('resize');
    expect(terminal.raw).toBe(false);
    expect(terminal.written).toEqual(['\u001b[?1049h\u001b[?25l', '\u001b[?25h\u001b[?1049l']);
  });

  it('tells of each key', () => {
    const keys: string[] = [];
    const { live, terminal } = open((key) => keys.push(key));
    terminal.emit('data', 'sq');
    live.close();
    terminal.emit('data', 'x');
    expect(keys).toEqual(['s', 'q']);
  });
});

describe('inLines', () => {
  it('goes on in the next line, rather than cut a figure', () => {
    const parts = ['CPU 0.12', 'heap 39 MB of 4288 MB', 'RSS 173 MB'];
    expect(inLines(parts, 80)).toEqual(['CPU 0.12  heap 39 MB of 4288 MB  RSS 173 MB']);
    expect(inLines(parts, 31)).toEqual(['CPU 0.12  heap 39 MB of 4288 MB', 'RSS 173 MB']);
    expect(inLines(parts, 30)).toEqual(['CPU 0.12', 'heap 39 MB of 4288 MB', 'RSS 173 MB']);
    expect(inLines(parts, 5)).toEqual(parts);
    expect(inLines([], 80)).toEqual([]);
  });
});
