/**
 * Installs and builds what is not up to date: what `npm start` and `npm test` do first. A step runs again when one of the
 * files it reads is newer than its last run. Without any dependency: on a fresh clone there is none yet.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

const MANIFESTS = ['package.json', 'pnpm-workspace.yaml', 'pnpm-lock.yaml'];
const PACKAGES = ['packages/nestjs-pprof', 'apps/example', 'e2e'];

/** In their order: what one makes, the next may read. */
const STEPS = [
  {
    script: 'workspace:install',
    reads: [...MANIFESTS, ...PACKAGES.map((path) => `${path}/package.json`)],
    makes: ['node_modules/.modules.yaml', ...PACKAGES.map((path) => `${path}/node_modules`)],
  },
  {
    script: 'build:package',
    reads: [
      ...MANIFESTS,
      'tsconfig.base.json',
      'packages/nestjs-pprof/src',
      'packages/nestjs-pprof/scripts',
      'packages/nestjs-pprof/package.json',
      'packages/nestjs-pprof/tsconfig.build.json',
      'packages/nestjs-pprof/tsconfig.json',
    ],
    makes: ['esm', 'cjs', 'thread', 'viewer'].map((name) => `packages/nestjs-pprof/dist/${name}`),
  },
  {
    script: 'build:example',
    reads: [
      ...MANIFESTS,
      'tsconfig.base.json',
      'nest-cli.json',
      'apps/example/src',
      'apps/example/package.json',
      'apps/example/tsconfig.app.json',
      'apps/example/tsconfig.json',
      // Its types.
      stampOf('build:package'),
    ],
    makes: ['apps/example/dist/main.js'],
  },
];

for (const step of STEPS) {
  if (isStale(step)) {
    run(step.script);
  }
}

function isStale({ script, reads, makes }) {
  const stamp = join(root, stampOf(script));
  if (![stamp, ...makes.map((path) => join(root, path))].every((path) => existsSync(path))) {
    return true;
  }
  return Math.max(...reads.map((path) => newestIn(join(root, path)))) > statSync(stamp).mtimeMs;
}

/** When the last change was in a file or below a folder. A folder's own time tells of files that are gone. */
function newestIn(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || path.endsWith('.spec.ts')) {
    return 0;
  }
  const below = stats.isDirectory() ? readdirSync(path).map((name) => newestIn(join(path, name))) : [];
  return Math.max(stats.mtimeMs, ...below);
}

function stampOf(script) {
  return join('node_modules/.cache/prepared', script.replace(':', '-'));
}

function run(script) {
  const began = new Date();
  const { status } = spawnSync('npm', ['run', '--silent', script], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    process.exit(status ?? 1);
  }
  const stamp = join(root, stampOf(script));
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, '');
  // What changes while it runs may have come too late for it.
  utimesSync(stamp, began, began);
}
