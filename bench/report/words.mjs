import { against } from './comparison.mjs';

export function number(value, digits = 2) {
  return value
    .toFixed(digits)
    .replace(/^-(0(\.0+)?)$/, '$1')
    .replace('-', '−');
}

/** ` (1.0 to 1.2)`: the quartiles, where there was more than one round. */
export function spread({ quartiles, count }, digits) {
  return count > 1 ? ` (${quartiles.map((value) => number(value, digits)).join(' to ')})` : '';
}

/** `12.4 MB`. */
export function quantity(value, { unit, digits }) {
  return `${number(value, digits)}${unit ? ` ${unit}` : ''}`;
}

/** `+3.1 %` of a ratio, `+12.4 MB` of a difference. */
export function change(value, column) {
  const [amount, unit, digits] =
    column.compare === 'ratio'
      ? [(value - 1) * 100, '%', Math.abs(value - 1) < 0.1 ? 1 : 0]
      : [value, column.unit, column.digits];
  const text = quantity(amount, { unit, digits });
  return text.startsWith('−') ? text : `+${text}`;
}

/** `+3.1 % (+2.8 % to +3.3 %)`, or that there is nothing to be seen, and within what. */
export function difference({ relative, verdict }, column) {
  const [lower, upper] = relative.quartiles.map((value) => change(value, column));
  return verdict
    ? `${change(relative.median, column)} (${lower} to ${upper})`
    : `no difference shown (${lower} to ${upper})`;
}

/** What a table says of a column: of each of ours, and how it stands beside the others that do the same. */
export function sentences(table, result, compared) {
  return (table.says ?? []).flatMap((key) => {
    const column = table.columns[key];
    const lines = Object.entries(table.rows)
      .filter(([row, { kind }]) => kind === 'ours' && compared[row][key].value)
      .map(([row, { label, beside = [] }]) => {
        const standing = standingOf(table, result, key, row, beside);
        return `  - ${label}: ${figureOf(compared[row][key], column)}${standing && `. ${standing}`}.`;
      });
    return lines.length === 0 ? [] : [[`- ${capitalized(column.label)}:`, ...lines].join('\n')];
  });
}

function figureOf(cell, column) {
  return column.compare && cell.relative
    ? difference(cell, column)
    : `${quantity(cell.value.median, column)}${spread(cell.value, column.digits)}`;
}

/** `Less than A (−3 ms); no difference shown from B`. */
function standingOf(table, result, key, row, peers) {
  const column = table.columns[key];
  const groups = { better: [], none: [], worse: [] };
  for (const peer of peers) {
    const outcome = against(table, result, key, row, peer);
    if (outcome) {
      const place =
        outcome.verdict === undefined ? 'none' : outcome.verdict === column.better ? 'better' : 'worse';
      const apart = change(outcome.summary.median, { compare: 'ratio', ...column });
      groups[place].push(`${table.rows[peer].label}${place === 'none' ? '' : ` (${apart})`}`);
    }
  }
  const [more, less] = column.better === 'lower' ? ['More', 'Less'] : ['Less', 'More'];
  return [
    ['better', `${less} than`],
    ['none', 'No difference shown from'],
    ['worse', `**${more} than**`],
  ]
    .filter(([place]) => groups[place].length > 0)
    .map(([place, words]) => `${words} ${listed(groups[place])}`)
    .join('; ')
    .replaceAll(/(?<=; (?:\*\*)?)[A-Z]/g, (letter) => letter.toLowerCase());
}

function listed(texts) {
  return texts.length < 2 ? texts.join('') : `${texts.slice(0, -1).join(', ')} and ${texts.at(-1)}`;
}

/** `p99` stays what it is. */
export function capitalized(text) {
  return /^[a-z]{2}|^main/.test(text) ? text[0].toUpperCase() + text.slice(1) : text;
}

/** As prettier would have it. */
export function markdownTable(header, rows, rightFrom = 1) {
  const cells = [header, ...rows].map((row) => row.map((cell) => String(cell)));
  const widths = header.map((_, column) => Math.max(3, ...cells.map((row) => [...row[column]].length)));
  const line = (row) =>
    `| ${row
      .map((cell, column) =>
        column < rightFrom ? padEnd(cell, widths[column]) : padStart(cell, widths[column]),
      )
      .join(' | ')} |`;
  const rule = widths.map((width, column) =>
    column < rightFrom ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [line(cells[0]), `| ${rule.join(' | ')} |`, ...cells.slice(1).map(line)].join('\n');
}

function padEnd(text, width) {
  return text + ' '.repeat(width - [...text].length);
}

function padStart(text, width) {
  return ' '.repeat(width - [...text].length) + text;
}
