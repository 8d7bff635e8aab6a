/**
 * Runs the tests, with the Node that runs this.
 *
 *   node scripts/test.mjs [--all] [--repeat N] [paths and options of Jest]
 *
 * Without paths: the unit tests and the essential end-to-end tests; with `--all` also the exhaustive ones, in files called
 * `*.full.e2e-spec.ts`, and the packed package on every Node. With paths: the tests in these files, whichever they are.
 * The last line is the sum, `N passed, N failed[, N skipped]`; the exit code is 1 where one has failed.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { all, repeat, rest } = parse(process.argv.slice(2));
const hasPaths = rest.some(isPath);
/** Options of Jest that leave tests out. */
const NARROWING =
  /^(-t|-o|-f|--(testNamePattern|selectProjects|shard|onlyChanged|onlyFailures|changedSince))\b/;
const isWhole = !hasPaths && !rest.some((arg) => NARROWING.test(arg));
const isOfProjects = rest.some((arg) => arg.startsWith('--selectProjects'));

const directory = mkdtempSync(join(tmpdir(), 'tests-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));

const total = { passed: 0, failed: 0, skipped: 0 };
for (let time = 1; time <= repeat; time += 1) {
  if (repeat > 1) {
    console.log(`\n=== ${time} of ${repeat}`);
  }
  add(await runJest());
  if (all && isWhole) {
    add(await runMatrix());
  } else if (!hasPaths) {
    console.log(
      'Not run: the packed package on Node 20, 22, 24 and 26 (npm run test:matrix, npm run test:all).',
    );
  }
}
console.log(`\n${sumOf(total)}`);
process.exitCode = total.failed === 0 ? 0 : 1;

/** Whether it is a path, or a part of one, and not what belongs to the option before it, as in `--maxWorkers 2`. */
function isPath(arg, at, args) {
  const isOfOption = at > 0 && args[at - 1].startsWith('-');
  return !arg.startsWith('-') && (!isOfOption || arg.includes('/'));
}

function parse(args) {
  const at = args.indexOf('--repeat');
  const count = at === -1 ? 1 : Number(args[at + 1]);
  if (!(Number.isInteger(count) && count > 0)) {
    throw new Error('--repeat takes a number of times, such as --repeat 5');
  }
  const others = at === -1 ? args : args.toSpliced(at, 2);
  return { all: others.includes('--all'), repeat: count, rest: others.filter((arg) => arg !== '--all') };
}

async function runJest() {
  const sumFile = join(directory, 'sum.json');
  rmSync(sumFile, { force: true });
  const projects = all || hasPaths || isOfProjects ? [] : ['--selectProjects', 'unit', 'e2e'];
  const code = await run(
    [
      // Nest 12 is ESM only.
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      join(root, 'node_modules/jest/bin/jest.js'),
      ...rest,
      ...projects,
    ],
    {
      TEST_SUM_FILE: sumFile,
      TEST_SLOWNESS_FILE: join(directory, 'slowness'),
      ...(all ? { TEST_ALL: '1' } : {}),
    },
  );
  const sum = readSum(sumFile);
  // It may also crash, or find no test.
  return code !== 0 && sum.failed === 0 ? { ...sum, failed: 1 } : sum;
}

function readSum(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}

async function runMatrix() {
  console.log('\nThe packed package on every Node');
  let output = '';
  const code = await run([join(root, 'e2e/matrix/run.mjs')], {}, (text) => {
    output += text;
    process.stdout.write(text);
  });
  const [, passed = '0', failed = '0'] = /^(\d+) passed, (\d+) failed$/m.exec(output) ?? [];
  return {
    passed: Number(passed),
    failed: code !== 0 && failed === '0' ? 1 : Number(failed),
    skipped: 0,
  };
}

function run(args, env, onOutput) {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['inherit', onOutput ? 'pipe' : 'inherit', 'inherit'],
  });
  child.stdout?.setEncoding('utf8').on('data', onOutput);
  // Ctrl-C goes to both: the child ends first, and has the last word.
  process.once('SIGINT', () => undefined);
  return new Promise((resolve) => {
    child.once('close', (code) => resolve(code ?? 1));
  });
}

function add({ passed, failed, skipped }) {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}

function sumOf({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
