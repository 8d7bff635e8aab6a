import { differs, mean, summarize } from '../support/statistics.mjs';

const NEUTRAL = { ratio: 1, difference: 0 };

/**
 * @typedef {object} Table what is compared: the figures themselves are in a result
 * @property {string} id
 * @property {string} title
 * @property {string} text what was measured, and how; no figure
 * @property {string} [base] the row that the others are compared to, where they do not bring one of their own
 * @property {string} [control] the row that is the base once more, or its like
 * @property {string} [versus] what the rows are compared to, in words, where there is no base
 * @property {Record<string, { label: string, kind?: 'ours' | 'peer', beside?: string[] }>} rows `beside`: those that do the same
 * @property {Record<string, Column>} columns
 * @property {string[]} [says] the columns that sentences are made of
 * @property {string} [chart] the column that is drawn
 *
 * @typedef {object} Column
 * @property {string} label
 * @property {string} [unit]
 * @property {number} [digits]
 * @property {'ratio' | 'difference'} [compare] how it is compared to the base: not at all where it is missing
 * @property {'lower' | 'higher'} better
 */

/** The figures of a table: of each row and column the value itself, and how it compares to the base of the same round. */
export function compare(table, { rounds }) {
  const rows = Object.fromEntries(
    Object.keys(table.rows).map((row) => [
      row,
      mapValues(table.columns, (column, key) => cellOf(table, rounds, row, key, column)),
    ]),
  );
  for (const cells of Object.values(rows)) {
    for (const [key, cell] of Object.entries(cells)) {
      const { compare: how } = table.columns[key];
      const control = rows[table.control]?.[key]?.relative;
      cell.verdict = how && differs(cell.relative, control, NEUTRAL[how]);
    }
  }
  return rows;
}

/** One row against another of the same rounds: their ratio, or difference; the control is the table's. */
export function against(table, { rounds }, key, row, other) {
  const how = table.columns[key].compare ?? 'ratio';
  const apart = how === 'ratio' ? ([value, base]) => value / base : ([value, base]) => value - base;
  const pairs = rounds.map((round) => [row, other].map((name) => standingOf(table, round, name, key)));
  const summary = summarize(pairs.filter((pair) => pair.every(Number.isFinite)).map(apart));
  const control = summarize(
    rounds.flatMap((round) => pairsOf(table, round, table.control, key).filter(hasBase).map(apart)),
  );
  return summary && { summary, verdict: differs(summary, control, NEUTRAL[how]) };
}

function cellOf(table, rounds, row, key, { compare: how }) {
  const pairs = rounds.flatMap((round) => pairsOf(table, round, row, key));
  const compared = row === table.base ? [] : pairs.filter(hasBase);
  return {
    value: summarize(pairs.map(([value]) => value)),
    relative:
      how && summarize(compared.map(([value, base]) => (how === 'ratio' ? value / base : value - base))),
  };
}

/** What stands for the row in this round beside another row, which may have had another base: what it is of its own. */
function standingOf(table, round, row, key) {
  const { compare: how } = table.columns[key];
  const values = pairsOf(table, round, row, key).map(([value, base]) =>
    how === 'ratio' && base !== undefined ? value / base : value,
  );
  return values.length === 0 ? undefined : mean(values);
}

function hasBase([, base]) {
  return base !== undefined;
}

/** Values of the row with that of its base in the same round. */
function pairsOf(table, round, row, key) {
  const base = round[table.base]?.at[key];
  return [round[row] ?? []]
    .flat()
    .map(({ at, against: own }) => [at[key], own ? own[key] : base])
    .filter(([value]) => typeof value === 'number');
}

function mapValues(object, map) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value, key)]));
}
