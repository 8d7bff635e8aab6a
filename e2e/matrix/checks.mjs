// What the checks of the packed package have in common: one line each, and the commands they run.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A step that takes longer hangs. */
const TIMEOUT = 180_000;

export const root = fileURLToPath(new URL('../..', import.meta.url));
const cache = join(root, 'node_modules/.cache/node-matrix');

/** NODE_OPTIONS and the like of whoever runs this are no part of the test, but for whom the machine trusts. */
const { PATH, HOME, NODE_EXTRA_CA_CERTS } = process.env;
const ENVIRONMENT = { PATH, HOME, NO_COLOR: '1', ...(NODE_EXTRA_CA_CERTS ? { NODE_EXTRA_CA_CERTS } : {}) };

export const counts = { passed: 0, failed: 0 };

/** Runs one check, and goes on after one that fails: its siblings tell where the fault is. */
export function check(title, work) {
  const start = performance.now();
  const seconds = () => ((performance.now() - start) / 1000).toFixed(1);
  try {
    const result = work();
    counts.passed += 1;
    console.log(`ok   ${title} (${seconds()} s)`);
    return result ?? true;
  } catch (error) {
    counts.failed += 1;
    console.log(`FAIL ${title} (${seconds()} s)\n${error.message}`);
    return undefined;
  }
}

/** A directory with these dependencies installed. */
export function install(directory, dependencies, manifest = {}) {
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    join(directory, 'package.json'),
    JSON.stringify({ name: 'application', private: true, ...manifest, dependencies }),
  );
  npmInstall(directory);
  return directory;
}

/** Where a tool is installed that nobody needs but these checks; kept for the next time. */
export function toolDirectory(name, version) {
  const directory = join(cache, `${name.replace('/', '+')}-${version}`);
  if (!existsSync(join(directory, 'node_modules'))) {
    install(directory, { [name]: version });
  }
  return join(directory, 'node_modules', name);
}

/** The `node` package of npm is the real binary. */
export function nodeBinary(version) {
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

/** What it prints; fails unless it ends with 0. */
export function run(command, args, cwd, env = {}) {
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: TIMEOUT,
    env: { ...ENVIRONMENT, ...env },
  });
  if (status !== 0) {
    const reason = error?.message ?? (signal ? `ended by ${signal}` : `exit code ${status}`);
    throw new Error(`${command} ${args.join(' ')}: ${reason}\n${stdout}${stderr}`);
  }
  return stdout;
}
