/**
 * The packed package, as users get it: checked by publint and attw, then installed and run on every supported Node, with
 * Nest 12, and once with Nest 11 in a CommonJS application. Prints a line for each check and the sum as last line:
 * `N passed, N failed`.
 *
 * The package must be built; Node binaries and tarball are kept in node_modules/.cache.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PNPM = 'pnpm@12.21.0';
const NODE_VERSIONS = ['20', '22', '24', '26'];
/** On Nest 11 the application is CommonJS and the Node is the oldest, where `require` of an ES module is newest. */
const INSTALLS = [
  { nest: '12', app: 'app.mjs', nodes: NODE_VERSIONS },
  { nest: '11', app: 'app.cjs', nodes: ['20'] },
];
/** A step that takes longer hangs. */
const TIMEOUT = 180_000;

const root = fileURLToPath(new URL('../..', import.meta.url));
const matrix = fileURLToPath(new URL('.', import.meta.url));
const packageDirectory = join(root, 'packages/nestjs-pprof');
const cache = join(root, 'node_modules/.cache/node-matrix');
const temporary = mkdtempSync(join(tmpdir(), 'nestjs-pprof-matrix-'));
process.on('exit', () => rmSync(temporary, { recursive: true, force: true }));

let passed = 0;
let failed = 0;

const tarball = check('pnpm pack', pack);
if (tarball) {
  check('publint', () => run('npx', ['--no-install', 'publint', 'run', tarball, '--strict'], root));
  check('attw', () => run('npx', ['--no-install', 'attw', tarball], root));
  for (const { nest, app, nodes } of INSTALLS) {
    const directory = join(temporary, `nest-${nest}`);
    const isInstalled = check(`install with Nest ${nest}`, () => install(directory, nest));
    for (const version of isInstalled ? nodes : []) {
      check(`main path on Node ${version} with Nest ${nest}, ${app}`, () =>
        run(nodeBinary(version), [join(directory, 'main-path.mjs'), join(directory, app)], directory),
      );
    }
  }
}

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** Runs one check, and goes on after one that fails: its siblings tell where the fault is. */
function check(title, work) {
  const start = performance.now();
  try {
    const result = work();
    passed += 1;
    console.log(`ok   ${title} (${seconds(start)} s)`);
    return result ?? true;
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${title} (${seconds(start)} s)\n${error.message}`);
    return undefined;
  }
}

function seconds(start) {
  return ((performance.now() - start) / 1000).toFixed(1);
}

/** pnpm, as npm would leave the `catalog:` in the versions of the dependencies. */
function pack() {
  run('npx', ['--yes', PNPM, 'pack', '--pack-destination', temporary], packageDirectory);
  return join(
    temporary,
    readdirSync(temporary).find((file) => file.endsWith('.tgz')),
  );
}

/** One install serves every Node: the addon brings a build for each. */
function install(directory, nest) {
  mkdirSync(directory);
  const dependencies = {
    'nestjs-pprof': `file:${tarball}`,
    '@nestjs/common': `^${nest}.0.0`,
    '@nestjs/core': `^${nest}.0.0`,
    '@nestjs/platform-express': `^${nest}.0.0`,
    'reflect-metadata': '^0.2.2',
    rxjs: '^7.8.2',
    // Decodes the profiles; the library depends on it too, but that is its own affair.
    'pprof-format': '^2.3.2',
  };
  writeFileSync(
    join(directory, 'package.json'),
    JSON.stringify({ name: `nest-${nest}`, private: true, dependencies }),
  );
  for (const file of ['app.mjs', 'app.cjs', 'main-path.mjs']) {
    cpSync(join(matrix, file), join(directory, file));
  }
  npmInstall(directory);
}

/** The `node` package of npm is the real binary. */
function nodeBinary(version) {
  const directory = join(cache, version);
  const binary = join(directory, 'node_modules/node/bin/node');
  if (!existsSync(binary)) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(
      join(directory, 'package.json'),
      JSON.stringify({ private: true, dependencies: { node: version } }),
    );
    npmInstall(directory, '--foreground-scripts=false');
  }
  return binary;
}

function npmInstall(directory, ...options) {
  run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...options], directory);
}

function run(command, args, cwd) {
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: TIMEOUT,
    // NODE_OPTIONS and the like of whoever runs this are no part of the test.
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: '1' },
  });
  if (status !== 0) {
    const reason = error?.message ?? (signal ? `ended by ${signal}` : `exit code ${status}`);
    throw new Error(`${command} ${args.join(' ')}: ${reason}\n${stdout}${stderr}`);
  }
}
