import type { ReadStream, WriteStream } from 'node:tty';
import { InterruptedError } from './cli.errors.js';

const ENTER = /[\r\n]/;
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const BACKSPACES = new Set(['\u007f', '\b']);

/**
 * Asks for a line at the terminal.
 *
 * @param isSecret then nothing of what is typed is shown, not even how long it is
 * @throws {InterruptedError}
 * @internal
 */
export async function prompt(
  question: string,
  isSecret: boolean,
  input: Pick<ReadStream, 'setRawMode' | 'on' | 'off' | 'setEncoding' | 'resume' | 'pause'> = process.stdin,
  output: Pick<WriteStream, 'write'> = process.stderr,
): Promise<string> {
  input.setEncoding('utf8');
  // First: what is typed before it would be shown.
  input.setRawMode(true);
  output.write(question);
  let typed = '';
  try {
    return await new Promise((resolve, reject) => {
      const onData = (text: string) => {
        for (const character of text) {
          if (ENTER.test(character)) {
            input.off('data', onData);
            resolve(typed);
            return;
          }
          if (character === CTRL_C || character === CTRL_D) {
            input.off('data', onData);
            reject(new InterruptedError('interrupted'));
            return;
          }
          if (BACKSPACES.has(character)) {
            output.write(isSecret || typed === '' ? '' : '\b \b');
            typed = [...typed].slice(0, -1).join('');
          } else if (character >= ' ') {
            typed += character;
            output.write(isSecret ? '' : character);
          }
        }
      };
      input.on('data', onData);
      input.resume();
    });
  } finally {
    input.setRawMode(false);
    input.pause();
    output.write('\n');
  }
}
