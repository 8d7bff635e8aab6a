// The packed package in applications that are started in unusual ways: bundled into one file, with the package beside it and
// without; as a single executable; by Yarn Plug'n'Play; from a folder that is removed. The profiler works, or there is one
// warning that says what to do. It never starts what lies where its own files would be.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';
import { bundlers } from './bundlers.mjs';
import { check, install, run, toolDirectory } from './checks.mjs';

const APP = fileURLToPath(new URL('deployed.app.mjs', import.meta.url));

/** Where versions of this package had, or have, what they start: beside the file that runs, or one folder up. */
const DECOYS = [
  'thread/listener.cjs',
  'thread/server/main.js',
  'server/main.js',
  'post-mortem.cjs',
  'post-mortem/main.js',
].flatMap((file) => [file, `dist/${file}`, `bin/${file}`, `bin/dist/${file}`]);

const ALL_SERVED = { '': 200, 'profile?seconds=1': 200, heap: 200, goroutine: 200, 'ui/': 200 };

export function checkDeployments(tarball, directory) {
  const project = join(directory, 'project');
  const isInstalled = check('install for the deployments', () => installApplication(project, tarball));
  if (!isInstalled) {
    return;
  }
  check('from a folder that is removed before the first request', () => runFromRemoved(project, directory));
  const bundles = bundlers().filter(({ title, file, bundle }) =>
    check(`bundle: ${title}`, () => bundle(project, join(project, 'out', file))),
  );
  for (const { title, file, isProgram } of bundles) {
    check(`${title}, with the package beside it`, () =>
      expectToServe(start(join(project, 'out', file), isProgram)),
    );
  }
  for (const { title, file, isProgram } of bundles) {
    check(`${title}, out of memory`, () =>
      expectExport(join(project, 'out', file), isProgram, join(directory, 'oom', file)),
    );
  }
  const away = join(directory, 'away');
  layDecoys(away);
  cpSync(join(project, 'out'), join(away, 'bin'), { recursive: true });
  // A bundle may name the files that it was made of.
  renameSync(project, join(directory, 'not-there'));
  for (const { title, file, isProgram } of bundles) {
    check(`${title}, without the package: one warning with the remedy`, () =>
      expectOneWarning(
        start(join(away, 'bin', file), isProgram),
        /Keep "nestjs-pprof" and "@datadog\/pprof" external/,
      ),
    );
    check(`${title}, without the package, switched off`, () =>
      expectOff(start(join(away, 'bin', file), isProgram, { PPROF_ENABLED: 'false' })),
    );
  }
  checkPlugAndPlay(tarball, join(directory, 'yarn'));
}

function installApplication(directory, tarball, manifest = {}, installer = install) {
  mkdirSync(directory, { recursive: true });
  copyFileSync(APP, join(directory, 'app.mjs'));
  const { code } = transformSync(readFileSync(APP, 'utf8'), { format: 'cjs' });
  writeFileSync(join(directory, 'app.cjs'), code);
  const dependencies = {
    'nestjs-pprof': `file:${tarball}`,
    '@nestjs/common': '^12.0.0',
    '@nestjs/core': '^12.0.0',
    'reflect-metadata': '^0.2.2',
    rxjs: '^7.8.2',
  };
  installer(directory, dependencies, manifest);
}

function layDecoys(directory) {
  for (const decoy of DECOYS) {
    mkdirSync(dirname(join(directory, decoy)), { recursive: true });
    writeFileSync(join(directory, decoy), 'console.log("DECOY", process.argv[1]);');
  }
  writeFileSync(
    join(directory, 'package.json'),
    JSON.stringify({ name: 'application', version: '0.1.0', private: true }),
  );
}

function runFromRemoved(project, directory) {
  const release = join(directory, 'release-1');
  cpSync(project, release, { recursive: true });
  const seen = start(join(release, 'app.mjs'), false, { REMOVED: release });
  // The viewer is read when it is asked for.
  expectServed(seen, { ...ALL_SERVED, 'ui/': 503 });
  assert.equal(seen.isRemoved, true);
}

function checkPlugAndPlay(tarball, directory) {
  for (const { title, manifest, expectation } of [
    { title: 'unpacked', manifest: {}, expectation: expectToServe },
    {
      title: 'in a zip file: one warning with the remedy',
      manifest: { dependenciesMeta: { 'nestjs-pprof': { unplugged: false } } },
      expectation: (seen) => expectOneWarning(seen, /"yarn unplug nestjs-pprof"/),
    },
  ]) {
    const place = join(directory, title.split(' ')[0]);
    const yarn = join(toolDirectory('@yarnpkg/cli-dist', '4'), 'bin/yarn.js');
    check(`Yarn Plug'n'Play, ${title}`, () => {
      installApplication(place, tarball, manifest, (...args) => installWithYarn(yarn, ...args));
      expectation(started(process.execPath, [yarn, 'node', 'app.mjs'], {}, place));
    });
  }
}

function installWithYarn(yarn, directory, dependencies, manifest) {
  const registry = run('npm', ['config', 'get', 'registry'], directory).trim();
  const settings = [
    'nodeLinker: pnp',
    'enableGlobalCache: false',
    'enableTelemetry: false',
    'npmMinimalAgeGate: 0',
    `npmRegistryServer: ${JSON.stringify(registry)}`,
    // A mirror on the machine itself may have no certificate.
    ...(registry.startsWith('http:') ? [`unsafeHttpWhitelist: [${new URL(registry).hostname}]`] : []),
  ];
  writeFileSync(join(directory, '.yarnrc.yml'), `${settings.join('\n')}\n`);
  writeFileSync(
    join(directory, 'package.json'),
    JSON.stringify({ name: 'application', private: true, dependencies, ...manifest }),
  );
  // Makes it a project of its own, and not a part of one in a folder above.
  writeFileSync(join(directory, 'yarn.lock'), '');
  run(process.execPath, [yarn, 'install', '--no-immutable'], directory);
}

/** Its working directory is not the one it is installed in. */
function start(file, isProgram, env) {
  return isProgram ? started(file, [], env) : started(process.execPath, [file], env);
}

/** What the application says of itself. */
function started(command, args, env = {}, cwd = '/') {
  const output = run(command, args, cwd, env);
  assert.doesNotMatch(output, /DECOY/);
  return reportIn(output);
}

function reportIn(output) {
  const report = output.split('\n').find((line) => line.startsWith('{"state"'));
  assert.ok(report, `There is no report in\n${output}`);
  return JSON.parse(report);
}

function expectToServe(seen) {
  expectServed(seen, ALL_SERVED);
}

function expectServed(seen, served) {
  assert.deepEqual(
    { state: seen.state, served: seen.served, warnings: seen.warnings },
    { state: 'listening', served, warnings: [] },
  );
}

function expectOneWarning(seen, remedy) {
  assert.equal(seen.state, 'failed');
  assert.match(seen.reason, remedy);
  assert.equal(seen.warnings.length, 1, JSON.stringify(seen.warnings));
}

function expectOff(seen) {
  assert.deepEqual({ state: seen.state, warnings: seen.warnings }, { state: 'disabled', warnings: [] });
}

/** The application dies, and leaves a profile. A single executable has no Node to do that, and has said so at its start. */
function expectExport(file, isProgram, directory) {
  mkdirSync(directory, { recursive: true });
  const env = { PPROF_OOM_DIRECTORY: directory, NODE_OPTIONS: '--max-old-space-size=64' };
  const [command, args] = isProgram ? [file, []] : [process.execPath, [file]];
  const { stdout, status } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 120_000,
    env: { PATH: process.env.PATH, NO_COLOR: '1', ...env },
  });
  assert.notEqual(status, 0);
  assert.doesNotMatch(stdout, /DECOY/);
  // The application runs once.
  assert.equal(stdout.split('\n').filter((line) => line.startsWith('{"state"')).length, 1, stdout);
  const { warnings } = reportIn(stdout);
  const left = readdirSync(directory).filter((name) => name.endsWith('.pb.gz'));
  assert.deepEqual(
    { profiles: left.length, warnings: warnings.map((text) => /when memory runs out/.test(text)) },
    isProgram ? { profiles: 0, warnings: [true] } : { profiles: 1, warnings: [] },
  );
}
