// What is written at the root of the repository goes into the tarball: the pages, and what there is to copy. In this package they
// are at `../../docs/`, in the tarball at `docs/`; so they are on the page of a registry, which takes relative links from
// the root of the repository as long as package.json names no directory in it.
//
//   node scripts/pages.mjs pack     before packing: copies them, and turns the links of README.md
//   node scripts/pages.mjs unpack   after it: back again
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageDir } from './paths.mjs';

const PAGES = ['docs', 'deploy', 'SECURITY.md'];
const NAMES = `(?=(?:${PAGES.join('|').replace('.', '\\.')})\\b)`;
const HERE = new RegExp(`\\]\\(\\.\\./\\.\\./${NAMES}`, 'g');
const PACKED = new RegExp(`\\]\\(${NAMES}`, 'g');

const readme = join(packageDir, 'README.md');
const isPacking = process.argv[2] === 'pack';

// npm leaves `catalog:` where the versions of dependencies belong, and nobody could install that.
if (isPacking && !process.env.npm_config_user_agent?.startsWith('pnpm/')) {
  console.error('Only pnpm knows the versions of the catalog: `npm run release`, or `npx pnpm pack`.');
  process.exit(1);
}

for (const page of PAGES) {
  const copy = join(packageDir, page);
  rmSync(copy, { recursive: true, force: true });
  if (isPacking) {
    cpSync(join(packageDir, '../..', page), copy, { recursive: true });
  }
}
rewrite(readme, (text) => (isPacking ? text.replace(HERE, '](') : text.replace(PACKED, '](../../')));
if (isPacking) {
  for (const name of readdirSync(join(packageDir, 'docs')).filter((each) => each.endsWith('.md'))) {
    rewrite(join(packageDir, 'docs', name), (text) =>
      text.replaceAll('](../packages/nestjs-pprof/', '](../'),
    );
  }
}

function rewrite(file, change) {
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}
