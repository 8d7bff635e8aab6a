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

/** `3 d 4 h`, `12 min`, `8 s` @internal */
export function shortDuration(seconds: number): string {
  const units = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ] as const;
  const at = units.findIndex(([size]) => seconds >= size);
  if (at === -1) {
    return '0 s';
  }
  const [size, name] = units[at]!;
  const [smaller, smallerName] = units[at + 1] ?? [1, ''];
  const rest = Math.floor((seconds % size) / smaller);
  const whole = `${Math.floor(seconds / size)} ${name}`;
  return rest > 0 && size >= 3600 ? `${whole} ${rest} ${smallerName}` : whole;
}
