import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { InterruptedError } from './cli.errors.js';
import { prompt } from './password.prompt.js';

class FakeTerminal extends EventEmitter {
  readonly modes: boolean[] = [];
  shown = '';

  setRawMode(on: boolean): this {
    this.modes.push(on);
    return this;
  }

  setEncoding(): this {
    return this;
  }

  resume(): this {
    return this;
  }

  pause(): this {
    return this;
  }

  write(text: string): boolean {
    this.shown += text;
    return true;
  }
}

async function typed(
  keys: string,
  isSecret: boolean,
): Promise<{ answer: Promise<string>; terminal: FakeTerminal }> {
  const terminal = new FakeTerminal();
  const answer = prompt('Q: ', isSecret, terminal as never, terminal as never);
  terminal.emit('data', keys);
  await answer.catch(() => undefined);
  return { answer, terminal };
}

describe('prompt', () => {
  it('shows nothing of a secret, not even its length, and gives the terminal back', async () => {
    const { answer, terminal } = await typed('pä:ss\u007fs\r', true);
    expect(await answer).toBe('pä:ss');
    expect(terminal.shown).toBe('Q: \n');
    expect(terminal.modes).toEqual([true, false]);
  });

  it('shows what else is typed, and takes it back', async () => {
    const { answer, terminal } = await typed('opx\u007fs\n', false);
    expect(await answer).toBe('ops');
    expect(terminal.shown).toBe('Q: opx\b \bs\n');
  });

  it('is ended by Ctrl-C, and gives the terminal back', async () => {
    const { answer, terminal } = await typed('ab\u0003', true);
    await expect(answer).rejects.toThrow(InterruptedError);
    expect(terminal.modes).toEqual([true, false]);
  });
});
