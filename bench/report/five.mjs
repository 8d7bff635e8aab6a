import { SUITES } from '../suites/suites.mjs';
import { compare } from './comparison.mjs';
import { difference, markdownTable, quantity } from './words.mjs';

/** Readers run it: of all Nodes that have been measured, the figures are of this one where it is among them. */
const HEADLINE = 'v24.';

/** What a buyer wants to know: a column of a table, its row of ours, and those of others, called by their packages. */
const FIGURES = [
  {
    label: 'idle: main thread’s CPU a request',
    from: ['idle', 'toggled', 'mainCpu'],
    ours: { '': 'on' },
  },
  {
    label: 'idle: resident memory',
    from: ['idle', 'processes', 'rss'],
    ours: { '': 'enabled' },
    peers: { '@pyroscope/nodejs': 'pyroscope', 'dd-trace': 'dd-trace' },
  },
  {
    label: 'while profiling at 100 Hz: main thread’s CPU a request',
    from: ['capture', 'cost', 'mainCpu'],
    ours: { '': 'warm' },
    peers: { '@pyroscope/nodejs': 'pyroscope', inspector: 'inspector' },
  },
  {
    label: 'longest stall at the start of a capture',
    from: ['capture', 'stalls', 'startDelay'],
    ours: { cold: 'cold', warm: 'warm' },
    peers: { '@pyroscope/nodejs': 'pyroscope', inspector: 'inspector' },
  },
  {
    label: 'a second of CPU profile of a stuck event loop, beyond the second',
    from: ['answers', 'stuck', 'past'],
    ours: { '': 'ours' },
    peers: { '@pyroscope/nodejs': 'pyroscope', inspector: 'inspector' },
  },
];

export function fiveFigures(results) {
  const node =
    results.findLast((result) => result.node.startsWith(HEADLINE))?.node ?? results.at(-1)?.node ?? 'none';
  const own = results.filter((result) => result.node.split('.', 1)[0] === node.split('.', 1)[0]);
  const rows = FIGURES.map((figure) => rowOf(figure, own));
  return [
    markdownTable([`Node ${node.replace('v', '')}`, 'nestjs-pprof', 'others'], rows, 3),
    ...busyNote(own),
  ].join('\n\n');
}

/** What the suites of these figures themselves leave behind in the load average is no more than that. */
const BUSY = 1.5;

function busyNote(results) {
  const suites = new Set(FIGURES.map(({ from: [suite] }) => suite));
  const loads = results
    .filter(({ suite, machine }) => suites.has(suite) && machine.load > BUSY * machine.processors)
    .map(({ machine }) => machine.load);
  return loads.length === 0
    ? []
    : [
        `Others were busy on the machine (load average of up to ${Math.max(...loads)} before a suite): rough figures.`,
      ];
}

function rowOf({ label, from: [suite, id, column], ours, peers = {} }, results) {
  const table = SUITES.find(({ name }) => name === suite).tables.find((each) => each.id === id);
  const data = results.find((result) => result.suite === suite)?.tables[id];
  if (!data) {
    return [label, 'not measured', ''];
  }
  const compared = compare(table, data);
  const shown = (rows) =>
    Object.entries(rows)
      .map(([name, row]) => {
        const figure = textOf(compared[row][column], table.columns[column], data.missing?.[row]);
        return name === '' ? figure : `${name}: ${figure}`;
      })
      .join('; ');
  return [label, shown(ours), shown(peers)];
}

function textOf(cell, column, missing) {
  if (!cell.value) {
    return missing ?? 'not measured';
  }
  return column.compare && cell.relative ? difference(cell, column) : quantity(cell.value.median, column);
}
