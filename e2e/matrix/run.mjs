/**
 * The packed package, as users get it: checked by publint and attw, then installed and run on every supported Node, with
 * every supported Nest, on Express and on Fastify; its types compiled (types.mjs); started in unusual ways (deployments.mjs). Prints a line for each check and the sum as last line: `N passed, N failed`.
 *
 * The package must be built; Node binaries and tools are kept in node_modules/.cache.
 */
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, counts, install, nodeBinary, root, run } from './checks.mjs';
import { checkDeployments } from './deployments.mjs';
import { checkTypes } from './types.mjs';

const PNPM = 'pnpm@12.21.0';
const NODE_VERSIONS = ['20', '22', '24', '26'];
/** Nest is an ES module from 12 on. What is not named is not installed: on Fastify there is no Express. */
const NEST_VERSIONS = [
  { nest: '10', app: 'app.cjs' },
  { nest: '11', app: 'app.cjs' },
  { nest: '12', app: 'app.mjs' },
];
const PLATFORMS = ['express', 'fastify'];

const matrix = fileURLToPath(new URL('.', import.meta.url));
const packageDirectory = join(root, 'packages/nestjs-pprof');
const temporary = mkdtempSync(join(tmpdir(), 'nestjs-pprof-matrix-'));
process.on('exit', () => rmSync(temporary, { recursive: true, force: true }));

const tarball = check('pnpm pack', pack);
if (tarball) {
  check('publint', () => run('npx', ['--no-install', 'publint', 'run', tarball, '--strict'], root));
  check('attw', () => run('npx', ['--no-install', 'attw', tarball], root));
  checkTypes(tarball, join(temporary, 'types'));
  for (const { nest, app } of NEST_VERSIONS) {
    for (const platform of PLATFORMS) {
      checkMainPath(nest, app, platform);
    }
  }
  checkDeployments(tarball, join(temporary, 'deployments'));
}

console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;

function checkMainPath(nest, app, platform) {
  const directory = join(temporary, `nest-${nest}-${platform}`);
  const isInstalled = check(`install with Nest ${nest} on ${platform}`, () => {
    install(directory, {
      'nestjs-pprof': `file:${tarball}`,
      '@nestjs/common': `^${nest}.0.0`,
      '@nestjs/core': `^${nest}.0.0`,
      [`@nestjs/platform-${platform}`]: `^${nest}.0.0`,
      'reflect-metadata': '^0.2.2',
      rxjs: '^7.8.2',
      // Decodes the profiles; the library depends on it too, but that is its own affair.
      'pprof-format': '^2.3.2',
    });
    for (const file of [app, 'main-path.mjs']) {
      cpSync(join(matrix, file), join(directory, file));
    }
  });
  for (const version of isInstalled ? NODE_VERSIONS : []) {
    check(`main path on Node ${version} with Nest ${nest} on ${platform}`, () =>
      run(nodeBinary(version), [join(directory, 'main-path.mjs'), join(directory, app), platform], directory),
    );
  }
}

/** pnpm, as npm would leave the `catalog:` in the versions of the dependencies. */
function pack() {
  run('npx', ['--yes', PNPM, 'pack', '--pack-destination', temporary], packageDirectory);
  return join(
    temporary,
    readdirSync(temporary).find((file) => file.endsWith('.tgz')),
  );
}
