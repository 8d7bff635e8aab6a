import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const RESULTS = fileURLToPath(new URL('../results', import.meta.url));

/** One file for each suite and Node, so that either can be measured again without the others. */
export function saveResult(result) {
  mkdirSync(RESULTS, { recursive: true });
  const file = `${result.suite}.node-${/^v(\d+)/.exec(result.node)[1]}.json`;
  writeFileSync(join(RESULTS, file), `${JSON.stringify(result, rounded, 1)}\n`);
}

/** All results, the oldest Node first. */
export function readResults() {
  return readdirSync(RESULTS)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(RESULTS, name), 'utf8')))
    .toSorted((a, b) => a.node.localeCompare(b.node, 'en', { numeric: true }));
}

function rounded(_key, value) {
  return typeof value === 'number' ? Number(value.toPrecision(6)) : value;
}
