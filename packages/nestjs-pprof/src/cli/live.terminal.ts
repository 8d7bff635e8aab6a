import type { ReadStream, WriteStream } from 'node:tty';

const ENTER_ALTERNATE_SCREEN = '\u001b[?1049h\u001b[?25l';
const LEAVE_ALTERNATE_SCREEN = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

/**
 * A terminal that is drawn on over and over, and is as it was before when it is closed, however the process ends: on a
 * screen of its own, with the keys as they are pressed.
 *
 * @internal
 */
export class LiveTerminal {
  #lines: readonly string[] = [];
  readonly #restore = () => this.close();
  #isClosed = false;

  constructor(
    private readonly input: ReadStream,
    private readonly output: WriteStream,
    private readonly onKey: (key: string) => void,
  ) {
    output.write(ENTER_ALTERNATE_SCREEN);
    input.setEncoding('utf8');
    input.setRawMode(true);
    input.on('data', this.#onData);
    output.on('resize', this.#draw);
    // Also where something throws that nobody has thought of.
    process.once('exit', this.#restore);
  }

  get rows(): number {
    return this.output.rows || 24;
  }

  get columns(): number {
    return this.output.columns || 80;
  }

  /** Shows the lines, as far as there is room; each is cut at the edge. They may have colours, which `bold` and `red` make. */
  show(lines: readonly string[]): void {
    this.#lines = lines;
    this.#draw();
  }

  close(): void {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    process.off('exit', this.#restore);
    this.output.off('resize', this.#draw);
    this.input.off('data', this.#onData);
    this.input.setRawMode(false);
    this.input.pause();
    this.output.write(LEAVE_ALTERNATE_SCREEN);
  }

  readonly #onData = (text: string | Buffer) => {
    for (const key of String(text)) {
      this.onKey(key);
    }
  };

  readonly #draw = () => {
    const shown = this.#lines.slice(0, this.rows).map((line) => `${cut(line, this.columns)}${CLEAR_LINE}`);
    this.output.write(`${HOME}${shown.join('\r\n')}${CLEAR_BELOW}`);
  };
}

// oxlint-disable-next-line no-control-regex
const STYLE = /^(\u001b\[[\d;]*m)([^\u001b]*)(\u001b\[0m)$/;

function cut(line: string, columns: number): string {
  const [, start = '', text = line, end = ''] = STYLE.exec(line) ?? [];
  return `${start}${[...text].slice(0, columns).join('')}${end}`;
}

/** As few lines as there is room for: a figure that is cut at the edge is read as another figure. @internal */
export function inLines(parts: readonly string[], columns: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const longer = `${lines.at(-1)}  ${part}`;
    if (lines.length > 0 && longer.length <= columns) {
      lines[lines.length - 1] = longer;
    } else {
      lines.push(part);
    }
  }
  return lines;
}

/** A whole line. @internal */
export function bold(line: string): string {
  return `\u001b[1m${line}\u001b[0m`;
}

/** A whole line. @internal */
export function red(line: string): string {
  return `\u001b[1;31m${line}\u001b[0m`;
}
