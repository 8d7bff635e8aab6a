/** Raises the version by the changesets there are, and says so in the code, which compares it with that of its programs. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(`../packages/nestjs-pprof/${path}`, import.meta.url));

run('npm', 'run', 'changeset', '--', 'version');
run('npx', '--no-install', 'prettier', '--log-level', 'warn', '--write', at('CHANGELOG.md'));
const { version } = JSON.parse(readFileSync(at('package.json'), 'utf8'));
const identity = at('src/shared/package.identity.ts');
writeFileSync(identity, readFileSync(identity, 'utf8').replace(/version: '[^']*'/, `version: '${version}'`));

function run(command, ...args) {
  const { status } = spawnSync(command, args, { stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) {
    process.exit(status ?? 1);
  }
}
