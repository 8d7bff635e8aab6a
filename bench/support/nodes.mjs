import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PEERS = fileURLToPath(new URL('../peers', import.meta.url));
/** Those that the matrix of the end-to-end tests installs, too. */
const CACHE = fileURLToPath(new URL('../../node_modules/.cache', import.meta.url));

/**
 * @param {string} wanted a version (`24`) or the path of a binary
 * @returns its path, and the version that it says it has
 */
export function findNode(wanted) {
  const binary = wanted.includes('/') ? wanted : binaryOf(wanted);
  const version = execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim();
  return { binary, version, major: Number(/^v(\d+)/.exec(version)[1]) };
}

function binaryOf(major) {
  if (process.versions.node.split('.', 1)[0] === major) {
    return process.execPath;
  }
  const directory = join(CACHE, 'bench-nodes', major);
  const binary = join(directory, 'node_modules/node/bin/node');
  if (!existsSync(binary)) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'package.json'), JSON.stringify({ private: true }));
    // Its install script is what brings the binary.
    npm(['install', `node@${major}`], directory);
  }
  return binary;
}

/** Installs what we are compared to, exactly as its lock file says. What fails is told by the rows that need it. */
export function installPeers(say) {
  if (existsSync(join(PEERS, 'node_modules/.package-lock.json'))) {
    return;
  }
  say('installing bench/peers');
  try {
    npm(['ci', '--ignore-scripts', '--omit=optional'], PEERS);
  } catch (error) {
    say(`bench/peers are not installed: ${error.message}`);
  }
}

function npm(args, cwd) {
  const [command, ...rest] = args;
  execFileSync('npm', [command, '--no-audit', '--no-fund', '--loglevel=error', ...rest], {
    cwd,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
