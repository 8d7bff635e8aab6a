import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';

const { resolve } = createRequire(import.meta.url);

/** Where a package that exports its manifest is installed. */
export function packageDirectory(name) {
  return dirname(resolve(`${name}/package.json`));
}

/**
 * Writes THIRD-PARTY-NOTICES and sbom.cdx.json (CycloneDX) of the packages that the files belong to, and of those that are
 * installed with this one. The same input gives the same text.
 */
export async function writeInventory(directory, files) {
  const own = manifestOf(directory);
  const bundled = packagesOf(files);
  const installed = Object.keys(own.dependencies).map((name) => describe(packageDirectory(name)));
  await writeFile(join(directory, 'THIRD-PARTY-NOTICES'), noticesOf(own, bundled));
  await writeFile(
    join(directory, 'sbom.cdx.json'),
    `${JSON.stringify(sbomOf(own, bundled, installed), null, 2)}\n`,
  );
}

function packagesOf(files) {
  const directories = new Set(
    files.filter((file) => file.includes(`${sep}node_modules${sep}`)).map(enclosingPackage),
  );
  const byId = new Map([...directories].map(describe).map((each) => [each.id, each]));
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The nearest directory with a manifest that has a version: others only tell the type of their modules. */
function enclosingPackage(file) {
  let directory = dirname(file);
  while (!existsSync(join(directory, 'package.json')) || !manifestOf(directory).version) {
    directory = dirname(directory);
  }
  return directory;
}

function describe(directory) {
  const manifest = manifestOf(directory);
  const { name, version, author, homepage, repository } = manifest;
  // The second is how it was written before 2014.
  const license = manifest.license ?? manifest.licenses?.map(({ type }) => type).join(' OR ');
  if (typeof license !== 'string') {
    throw new Error(`${directory} does not say its licence`);
  }
  const source = typeof repository === 'string' ? repository : repository?.url;
  const texts = readdirSync(directory)
    .filter((file) => /^(licen[cs]e|copying|notice)/i.test(file))
    .sort()
    .map((file) => readFileSync(join(directory, file), 'utf8').replaceAll('\r\n', '\n').trim());
  return {
    id: `${name}@${version}`,
    name,
    version,
    license,
    author: typeof author === 'string' ? author : author?.name,
    url: homepage ?? source,
    texts,
  };
}

function noticesOf(own, packages) {
  const head = `${own.name} contains the packages below, or parts of them: in dist/thread, dist/post-mortem.cjs and\ndist/cli.cjs, and in dist/viewer those of speedscope. This file is made by its build.\n`;
  const notices = packages.map(({ id, license, author, url, texts }) => {
    const title = [id, `Licence: ${license}`, author && `Author: ${author}`, url].filter(Boolean).join('\n');
    return [title, ...texts].join('\n\n');
  });
  return [head, ...notices].join(`\n${'-'.repeat(80)}\n\n`) + '\n';
}

/** https://cyclonedx.org/docs/1.6/json/ */
function sbomOf(own, bundled, installed) {
  const root = { type: 'library', ...componentOf({ ...own, id: `${own.name}@${own.version}` }) };
  const components = [
    ...bundled.map((each) => ({ ...componentOf(each), scope: 'required', properties: [inBundle(true)] })),
    ...installed.map((each) => ({ ...componentOf(each), scope: 'required', properties: [inBundle(false)] })),
  ].map((component) => ({ type: 'library', ...component }));
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: root },
    components,
    dependencies: [{ ref: root['bom-ref'], dependsOn: components.map((component) => component['bom-ref']) }],
  };
}

const inBundle = (isBundled) => ({ name: 'nestjs-pprof:bundled', value: String(isBundled) });

function componentOf({ id, name, version, license }) {
  const [scope, bare] = name.startsWith('@') ? name.split('/') : [undefined, name];
  const purl = `pkg:npm/${scope ? `${encodeURIComponent(scope)}/` : ''}${bare}@${version}`;
  return {
    'bom-ref': id,
    ...(scope ? { group: scope } : {}),
    name: bare,
    version,
    licenses: [isExpression(license) ? { expression: license } : { license: { id: license } }],
    purl,
  };
}

function isExpression(license) {
  return / (AND|OR|WITH) /.test(license);
}

function manifestOf(directory) {
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
}
