// Runs the tests of this folder and prints what the profiles said beside what was true. With `--write` the table goes into
// docs/profiles.md.
//
//   npm run build:package && node e2e/truth/table.mjs [--write]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const docs = join(root, 'docs/profiles.md');
const [BEGIN, END] = ['<!-- begin: node e2e/truth/table.mjs --write -->', '<!-- end -->'];

const directory = mkdtempSync(join(tmpdir(), 'truth-'));
const file = join(directory, 'rows.jsonl');
writeFileSync(file, '');
// One file after the other: they are about time.
const { status } = spawnSync(
  process.execPath,
  [join(root, 'scripts/test.mjs'), '--all', 'e2e/truth/', '--runInBand'],
  {
    cwd: root,
    env: { ...process.env, TRUTH_TABLE_FILE: file },
    stdio: ['ignore', 'inherit', 'inherit'],
  },
);
const rows = readFileSync(file, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line));
rmSync(directory, { recursive: true });

const table = [
  '| what | the profile said | true | may be off by |',
  '| --- | --- | --- | --- |',
  ...rows.map(({ what, said, truth, tolerance }) => `| ${what} | ${said} | ${truth} | ${tolerance} |`),
].join('\n');
const machine = `Node ${process.versions.node}, ${availableParallelism()} processors (${cpus()[0]?.model.trim()}).`;
console.log(`\n${table}\n\n${machine}`);

if (process.argv.includes('--write')) {
  const [before, rest = ''] = readFileSync(docs, 'utf8').split(BEGIN);
  writeFileSync(docs, `${before}${BEGIN}\n\n${machine}\n\n${table}\n\n${END}${rest.split(END)[1] ?? ''}`);
  spawnSync(process.execPath, [join(root, 'node_modules/prettier/bin/prettier.cjs'), '--write', docs]);
}
process.exitCode = status ?? 1;
