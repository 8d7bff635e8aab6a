/**
 * Checks the package as it would be published: what is in the tarball and how large it is, that every link of its pages leads
 * to something in it, and what publint and attw find. It must be built.
 *
 *   node scripts/check-package.mjs [--release]   with --release also what a placeholder is not good enough for
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const PNPM = 'pnpm@12.21.0';

/** Bytes. Where something makes it larger for a reason, say so in the commit that raises this. */
const LARGEST_TARBALL = 1_500_000;
const LARGEST_UNPACKED = 5_500_000;

/** What a maintainer has to fill in before the first release. */
const PLACEHOLDER = 'OWNER';

const root = fileURLToPath(new URL('..', import.meta.url));
const packageDirectory = join(root, 'packages/nestjs-pprof');
const temporary = mkdtempSync(join(tmpdir(), 'packed-'));
process.on('exit', () => rmSync(temporary, { recursive: true, force: true }));
const problems = [];

run('npx', ['--yes', PNPM, 'pack', '--pack-destination', temporary], packageDirectory);
const tarball = join(
  temporary,
  readdirSync(temporary).find((name) => name.endsWith('.tgz')),
);
run('tar', ['-xzf', tarball, '-C', temporary], temporary);
const unpacked = join(temporary, 'package');
const files = readdirSync(unpacked, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(unpacked, join(entry.parentPath, entry.name)));

checkSize('the tarball', statSync(tarball).size, LARGEST_TARBALL);
checkSize(
  'the package',
  files.reduce((total, file) => total + statSync(join(unpacked, file)).size, 0),
  LARGEST_UNPACKED,
);
files
  .filter((file) => /\.(spec|e2e-spec)\.|\.ts$/.test(file) && !file.endsWith('.d.ts'))
  .forEach((file) => problems.push(`${file} is of no use to who installs the package`));
files.filter((file) => file.endsWith('.md')).forEach(checkLinks);
run('npx', ['--no-install', 'publint', 'run', tarball, '--strict'], root);
run('npx', ['--no-install', 'attw', tarball], root);
if (process.argv.includes('--release')) {
  checkRelease(JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8')));
}

problems.forEach((problem) => console.error(problem));
process.exitCode = problems.length === 0 ? 0 : 1;

function checkSize(what, bytes, largest) {
  console.log(`${what}: ${(bytes / 1e6).toFixed(2)} MB, of ${largest / 1e6} MB at most`);
  if (bytes > largest) {
    problems.push(`${what} is larger than ${largest} bytes`);
  }
}

/** Relative links, and the headings they name. */
function checkLinks(page) {
  const text = readFileSync(join(unpacked, page), 'utf8');
  for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    const [path, anchor] = link.split('#');
    if (/^[a-z]+:/.test(link)) {
      continue;
    }
    const target = path === '' ? join(unpacked, page) : resolve(unpacked, dirname(page), path);
    if (relative(unpacked, target).startsWith('..') || !existsSync(target)) {
      problems.push(`${page}: nothing in the package is at ${link}`);
    } else if (anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).has(anchor)) {
      problems.push(`${page}: no heading is called ${link}`);
    }
  }
}

/** As GitHub makes them of headings. */
function anchorsOf(markdown) {
  return new Set(
    [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading
        .toLowerCase()
        .trim()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-'),
    ),
  );
}

function checkRelease({ version, repository, homepage, bugs, author }) {
  for (const [name, value] of Object.entries({ repository, homepage, bugs, author })) {
    const text = JSON.stringify(value);
    if (text === undefined || text.includes(PLACEHOLDER)) {
      problems.push(`package.json: "${name}" is ${text ?? 'missing'}: fill it in before the first release`);
    }
  }
  if (!readFileSync(join(unpacked, 'CHANGELOG.md'), 'utf8').includes(`## ${version}\n`)) {
    problems.push(`CHANGELOG.md has nothing of ${version}: npm run release:version`);
  }
}

function run(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    problems.push(`${[command, ...args].join(' ')}\n${error?.message ?? ''}${stdout}${stderr}`);
  }
}
