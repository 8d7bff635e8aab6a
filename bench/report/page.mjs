import { mkdirSync, readFileSync, rmSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SUITES } from '../suites/suites.mjs';
import { compare } from './comparison.mjs';
import { drawChart } from './chart.mjs';
import { fiveFigures } from './five.mjs';
import { readResults } from './results.mjs';
import { capitalized, change, markdownTable, number, quantity, sentences, spread } from './words.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = join(ROOT, 'docs/benchmarks.md');
const CHARTS = join(ROOT, 'docs/images/benchmarks');
/** Pages with the five figures in them. */
const QUOTING = ['packages/nestjs-pprof/README.md'];
const BLOCK = /(<!-- bench:five -->\n)[^]*?(\n<!-- \/bench:five -->)/;

/** Writes docs/benchmarks.md, its charts, and what other pages quote, all from the results. */
export function render() {
  const results = readResults();
  rmSync(CHARTS, { recursive: true, force: true });
  mkdirSync(CHARTS, { recursive: true });
  for (const [name, svg] of chartsOf(results)) {
    writeFileSync(join(CHARTS, name), svg);
  }
  writeFileSync(PAGE, pageOf(results));
  for (const [page, text] of quotesOf(results)) {
    writeFileSync(join(ROOT, page), text);
  }
}

/** The pages that are not what the results make of them. */
export function staleFiles() {
  const results = readResults();
  const right = [['docs/benchmarks.md', pageOf(results)], ...quotesOf(results)];
  const charts = chartsOf(results).map(([name, svg]) => [join('docs/images/benchmarks', name), svg]);
  const left = readdirSync(CHARTS).filter((name) => !charts.some(([path]) => path.endsWith(`/${name}`)));
  return [
    ...[...right, ...charts].filter(([path, text]) => readText(path) !== text).map(([path]) => path),
    ...left,
  ];
}

function readText(path) {
  try {
    return readFileSync(join(ROOT, path), 'utf8');
  } catch {
    return undefined;
  }
}

function quotesOf(results) {
  return QUOTING.map((page) => {
    const text = readText(page);
    if (!BLOCK.test(text)) {
      throw new Error(`${page} has no block <!-- bench:five -->`);
    }
    return [page, text.replace(BLOCK, (_, begin, end) => `${begin}\n${fiveFigures(results)}\n${end}`)];
  });
}

function pageOf(results) {
  const sections = SUITES.map((suite) => sectionOf(suite, resultsOf(suite, results)));
  return `<!-- Written by \`npm run bench\` from what is in bench/results: change it there, or in bench/. -->

# Benchmarks

What profiling costs an application, and what others cost it, measured. \`npm run bench\` does it; \`bench/README.md\` in
the repository says how.

## In five figures

${fiveFigures(results)}

## How it is measured

The application is a Nest service on Express: controllers, pipes that check what comes in, services, JSON in and out, and the TypeScript
compiler in the process as its large code base. Ten clients in another process send their next request as soon as the last is answered.

- **Ratios.** Each figure that compares is of two things that were measured in the same round, one right after the other; the rounds go
  forwards and backwards in turn. Shown is the median of the rounds, with their quartiles in parentheses.
- **Control.** A thing against itself, measured in the same way, tells what differs for no reason. Where the quartiles of a figure and
  those of the control overlap, or the figure's are on both sides of "the same", there is **no difference shown** (≈ in the tables). Of fewer
  than four values all are taken instead of the quartiles, and less than six of both together show nothing.
- **Main's CPU a request** is by the clock of the main thread itself. Throughput also has in it what the machine did otherwise.
- Nothing fails because of a figure: no test asserts one.

${[machineTable(results), ...versionsOf(results)].join('\n\n')}

${sections.join('\n\n')}
`;
}

function resultsOf({ name }, results) {
  return results.filter(({ suite }) => suite === name);
}

function machineTable(results) {
  const rows = results.map(({ suite, node, date, command, seconds, machine }) => [
    suite,
    node.slice(1),
    date.replace('T', ' '),
    `${seconds} s`,
    `${machine.processors} × ${machine.model}, ${machine.memoryGB} GB, ${machine.system}`,
    number(machine.load, 1),
    `\`${command}\``,
  ]);
  return markdownTable(['suite', 'Node', 'date (UTC)', 'took', 'machine', 'load before', 'command'], rows, 7);
}

/** Of what was measured last. */
function versionsOf(results) {
  const last = results.toSorted((a, b) => a.date.localeCompare(b.date)).at(-1);
  const versions = Object.entries(last?.versions ?? {}).map(([name, version]) => `${name} ${version}`);
  return versions.length === 0 ? [] : [`Versions: ${versions.join(', ')}.`];
}

function sectionOf(suite, results) {
  const tables = suite.tables.map((table) => tableSection(suite, table, results));
  const about = suite.text ? [suite.text] : [];
  return [`## ${suite.title}`, ...about, ...tables].join('\n\n');
}

function tableSection(suite, table, results) {
  const measured = results.filter(({ tables }) => tables[table.id]?.rounds.length > 0);
  const parts = measured.flatMap((result) => {
    const data = result.tables[table.id];
    const compared = compare(table, data);
    const said = sentences(table, data, compared);
    return [
      `**Node ${result.node.slice(1)}**, ${data.rounds.length} ${data.rounds.length === 1 ? 'round' : 'rounds'}${data.note ? `. ${data.note}` : ''}`,
      ...(chartOf(table, compared, result)
        ? [
            `![${table.title}, Node ${result.node.slice(1)}](images/benchmarks/${chartName(suite, table, result)})`,
          ]
        : []),
      ...(said.length > 0 ? [said.join('\n')] : []),
      figuresOf(table, compared),
      ...missingOf(table, data),
    ];
  });
  return [`### ${table.title}`, table.text, ...(parts.length > 0 ? parts : ['Not measured.'])].join('\n\n');
}

function figuresOf(table, compared) {
  const columns = Object.entries(table.columns);
  const rows = Object.entries(table.rows)
    .filter(([row]) => columns.some(([key]) => compared[row][key].value))
    .map(([row, { label }]) => [
      label,
      ...columns.map(([key, column]) => cellText(compared[row][key], column)),
    ]);
  return markdownTable(['', ...columns.map(([, { label }]) => label)], rows);
}

function cellText({ value, relative, verdict }, column) {
  if (!value) {
    return '–';
  }
  const shown = quantity(value.median, column);
  if (!column.compare) {
    return `${shown}${spread(value, column.digits)}`;
  }
  if (!relative) {
    return shown;
  }
  const figures =
    column.compare === 'ratio'
      ? `× ${number(relative.median, 3)}${spread(relative, 3)}`
      : `${change(relative.median, column)}${spread(relative, column.digits)}`;
  return `${shown}, ${verdict ? figures : `≈ ${figures}`}`;
}

function missingOf(table, { missing = {} }) {
  const rows = Object.entries(missing).map(
    ([row, reason]) => `- ${table.rows[row]?.label ?? row}: ${reason.split('\n', 1)[0]}`,
  );
  return rows.length > 0 ? ['Without a figure:', rows.join('\n')] : [];
}

function chartsOf(results) {
  return SUITES.flatMap((suite) =>
    suite.tables.flatMap((table) =>
      resultsOf(suite, results).flatMap((result) => {
        const data = result.tables[table.id];
        const svg = data?.rounds.length > 0 && chartOf(table, compare(table, data), result);
        return svg ? [[chartName(suite, table, result), svg]] : [];
      }),
    ),
  );
}

function chartName(suite, table, { node }) {
  return `${suite.name}-${table.id}-node-${/^v(\d+)/.exec(node)[1]}.svg`;
}

function chartOf(table, compared, { node }) {
  const column = table.columns[table.chart];
  if (!column) {
    return undefined;
  }
  const what = column.compare ? 'relative' : 'value';
  const rows = Object.entries(table.rows).flatMap(([row, { label, kind }]) => {
    const cell = compared[row][table.chart];
    const summary = cell[what];
    if (!summary) {
      return [];
    }
    const text = column.compare ? change(summary.median, column) : quantity(summary.median, column);
    return [{ label, kind, ...summary, text: column.compare && !cell.verdict ? `≈ ${text}` : text }];
  });
  const noise = column.compare && compared[table.control]?.[table.chart].relative?.quartiles;
  return drawChart({
    title: `${capitalized(column.label)}${column.compare ? `, against ${table.versus ?? table.rows[table.base].label}` : `, ${column.unit}`}`,
    note: `Node ${node.slice(1)}`,
    rows,
    neutral: { ratio: 1, difference: 0 }[column.compare],
    noise: noise || undefined,
    format:
      column.compare === 'ratio'
        ? (tick) => change(tick, column)
        : (tick) => number(tick, Number.isInteger(tick) ? 0 : 1),
  });
}
