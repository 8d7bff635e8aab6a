import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

/** On what the figures are taken, and what else used it when they were begun. */
export function describeMachine() {
  return {
    model: cpus()[0]?.model.trim() ?? 'unknown',
    processors: availableParallelism(),
    memoryGB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch} ${release().split('-', 1)[0]}`,
    load: Number(loadavg()[0].toFixed(1)),
  };
}

const ROOT = new URL('../../', import.meta.url);

/** Of what is measured, of what it runs on, and of the others. */
export function describeVersions() {
  const require = createRequire(new URL('apps/example/package.json', ROOT));
  const own = JSON.parse(readFileSync(new URL('packages/nestjs-pprof/package.json', ROOT), 'utf8'));
  const peers = JSON.parse(readFileSync(new URL('bench/peers/package.json', ROOT), 'utf8'));
  const go = /go(\d[\d.]*)/.exec(outputOf(goCommand() ?? 'go', ['version']) ?? '')?.[1];
  return {
    'nestjs-pprof': [own.version, commit()].filter(Boolean).join(' at '),
    Nest: require('@nestjs/core/package.json').version,
    TypeScript: createRequire(new URL('package.json', ROOT))('typescript/package.json').version,
    autocannon: require('autocannon/package.json').version,
    ...peers.dependencies,
    ...(go && { Go: go }),
  };
}

/** Where its own installer puts it, else from the `PATH`; undefined where it is in neither. */
export function goCommand() {
  return ['/usr/local/go/bin/go', 'go'].find((command) => outputOf(command, ['version']) !== undefined);
}

function commit() {
  return outputOf('git', ['rev-parse', '--short', 'HEAD']);
}

function outputOf(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

export function warnOfLoad(say) {
  const { load, processors } = describeMachine();
  // What this has done itself is in it, too.
  if (load > 1.5 * processors) {
    say(`The load average is ${load} on ${processors} processors: others use this machine, so expect noise.`);
  }
}
