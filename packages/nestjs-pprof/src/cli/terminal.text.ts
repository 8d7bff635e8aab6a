import type { WriteStream } from 'node:tty';
import { printable } from '../thread/pprof/profile.model.js';

/**
 * A text of several lines as a terminal may be shown it: whoever is at the other end of the wire writes no escape sequence
 * to it.
 *
 * @internal
 */
export function terminalText(text: string): string {
  return text.replaceAll('\r\n', '\n').split('\n').map(lineOf).join('\n');
}

function lineOf(line: string): string {
  return line
    .split('\t')
    .map((part) => printable(part))
    .join('\t');
}

const WIDTH = 30;
const TICK_MILLIS = 200;

/** Where it writes, and whether that is a terminal: to nothing else it writes. @internal */
export type ProgressOutput = Pick<WriteStream, 'write' | 'isTTY'> & Partial<Pick<WriteStream, 'columns'>>;

/**
 * Counts down the window of a capture on standard error, while it runs.
 *
 * @param seconds undefined where nobody knows how long it takes
 * @internal
 */
export async function withProgress<T>(
  what: string,
  seconds: number | undefined,
  work: () => Promise<T>,
  output: ProgressOutput = process.stderr,
): Promise<T> {
  if (!output.isTTY) {
    return work();
  }
  const began = performance.now();
  const show = () => {
    const line = progressLine(what, seconds, (performance.now() - began) / 1000);
    // A line that goes on in the next one cannot be written over.
    output.write(`\r\u001b[K${line.slice(0, (output.columns || 80) - 1)}`);
  };
  const timer = setInterval(show, TICK_MILLIS);
  show();
  try {
    return await work();
  } finally {
    clearInterval(timer);
    output.write('\r\u001b[K');
  }
}

/** `profile [########----------------------] 8 s left, Ctrl-C cancels` @internal */
export function progressLine(what: string, seconds: number | undefined, elapsed: number): string {
  if (seconds === undefined || elapsed >= seconds) {
    return `${what}: waiting for the answer, Ctrl-C cancels`;
  }
  const done = Math.floor((WIDTH * elapsed) / seconds);
  const bar = `${'#'.repeat(done)}${'-'.repeat(WIDTH - done)}`;
  return `${what} [${bar}] ${Math.ceil(seconds - elapsed)} s left, Ctrl-C cancels`;
}
