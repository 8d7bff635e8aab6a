import { availableParallelism, cpus, loadavg } from 'node:os';

/** Says on what machine the numbers are taken, and warns where others keep it busy. */
export function machine() {
  const [load] = loadavg();
  const cores = availableParallelism();
  if (load > cores / 4) {
    process.stderr.write(
      `The load average is ${load.toFixed(1)} on ${cores} cores: others are using this machine, so expect noise.\n`,
    );
  }
  const model = cpus()[0]?.model ?? 'unknown';
  return { node: process.version, platform: `${process.platform}-${process.arch}`, model, cores, load };
}

/** A table for people, then one line of JSON for programs. */
export function report({ name, machine: where, rows, details }) {
  const header = Object.keys(rows[0] ?? {});
  const cells = [header, ...rows.map((row) => header.map((column) => String(row[column])))];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  console.log(`\n${name}: Node ${where.node}, ${where.platform}, ${where.cores} cores, ${where.model}\n`);
  for (const row of cells) {
    console.log(
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
        .join('   '),
    );
  }
  console.log(`\n${JSON.stringify({ bench: name, machine: where, ...details }, rounded)}`);
}

function rounded(_key, value) {
  return typeof value === 'number' ? Number(value.toPrecision(6)) : value;
}
