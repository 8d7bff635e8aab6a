import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { resolveSources } from './source-map.sources.js';

/** A monorepo: `<root>/package.json`, `<root>/apps/shop/package.json`, bundle in `<root>/apps/shop/dist/main.js`. */
let root: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'source-maps-')));
  write('package.json');
  write('apps/shop/package.json');
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

function write(name: string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), '');
}

async function resolveOne(
  source: string | null,
  mapDirectory = 'apps/shop/dist',
): Promise<string | null | undefined> {
  const generatedFile = join(root, 'apps/shop/dist/main.js');
  const [path] = await resolveSources([source], generatedFile, join(root, mapDirectory));
  return path?.startsWith(root) ? path.slice(root.length + 1) : path;
}

describe('a plain source', () => {
  it.each([
    ['../src/main.ts', 'apps/shop/src/main.ts'],
    ['./main.ts', 'apps/shop/dist/main.ts'],
    ['main.ts', 'apps/shop/dist/main.ts'],
    ['a/../../src/./main.ts', 'apps/shop/src/main.ts'],
    ['/elsewhere/../src/main.ts', '/src/main.ts'],
    ['what?.ts', 'apps/shop/dist/what?.ts'],
    ['%C3%A4%20b.ts', 'apps/shop/dist/ä b.ts'],
    ['100%.ts', 'apps/shop/dist/100%.ts'],
  ])('%s is relative to the map', async (source, path) => {
    expect(await resolveOne(source)).toBe(path);
  });

  it('is taken literally if such a file exists', async () => {
    write('apps/shop/dist/a%20b.ts');
    expect(await resolveOne('a%20b.ts')).toBe('apps/shop/dist/a%20b.ts');
  });

  it('is relative to the map, not to the generated file', async () => {
    expect(await resolveOne('../src/main.ts', 'maps')).toBe('src/main.ts');
  });
});

describe('the URL of a source', () => {
  it('may be that of a file', async () => {
    expect(await resolveOne(pathToFileURL('/ä b/main.ts').href)).toBe('/ä b/main.ts');
  });

  it.each([
    null,
    '',
    'node:fs',
    'data:text/javascript,x',
    'https://example.com',
    'turbopack:///[turbopack]/shared/runtime.ts',
    '\0commonjsHelpers.js',
  ])('%j is no file', async (source) => {
    expect(await resolveOne(source)).toBeNull();
  });
});

describe('a source of the machine that built', () => {
  it.each([
    ['..\\src\\main.ts', 'apps/shop/src/main.ts'],
    ['C:/build/shop/src/main.ts', 'C:/build/shop/src/main.ts'],
    ['c:\\build\\shop\\src\\main.ts', 'c:/build/shop/src/main.ts'],
    ['\\\\builds\\shop\\src\\main.ts', '//builds/shop/src/main.ts'],
    ['file:///C:/build/shop/src/main.ts', 'C:/build/shop/src/main.ts'],
    ['file://builds/shop/src/main.ts', '//builds/shop/src/main.ts'],
    ['/build/shop/src/main.ts', '/build/shop/src/main.ts'],
    ['/src/main.ts', '/src/main.ts'],
    ['https://git.example/team/shop/raw/main/src/main.ts?x=1', '/team/shop/raw/main/src/main.ts'],
    ['turbopack:///[project]/src/main.ts', '/src/main.ts'],
    ['turbopack://[project]/src/main.ts', '/src/main.ts'],
    ['ng://shop/./src/main.ts', '/src/main.ts'],
    ['webpack:///C:\\build\\shop\\src\\main.ts', 'C:/build/shop/src/main.ts'],
    ['webpack://shop/C:/build/shop/src/main.ts', 'C:/build/shop/src/main.ts'],
    ['../../../src/main.ts', 'src/main.ts'],
    ['../moved/src/main.ts', 'apps/shop/moved/src/main.ts'],
  ])('%s is found by the longest ending that exists, or is shown as %s', async (source, shown) => {
    expect(await resolveOne(source)).toBe(shown);
    write('apps/shop/src/main.ts');
    expect(await resolveOne(source)).toBe('apps/shop/src/main.ts');
  });

  it('is looked for in the packages around, too, and the longer ending wins', async () => {
    write('src/main.ts');
    expect(await resolveOne('C:/build/src/main.ts')).toBe('src/main.ts');
    write('libs/src/main.ts');
    write('apps/shop/src/main.ts');
    expect(await resolveOne('C:/build/libs/src/main.ts')).toBe('libs/src/main.ts');
  });

  it('is not taken for a file of the same name alone', async () => {
    write('apps/shop/main.ts');
    expect(await resolveOne('C:/build/src/main.ts')).toBe('C:/build/src/main.ts');
  });
});

describe('a source of webpack', () => {
  it.each([
    'webpack://shop/./src/main.ts',
    'webpack://shop/./src/main.ts?4a3f',
    'webpack://@acme/shop/./src/main.ts',
    'webpack:///./src/main.ts',
    'webpack:///src/main.ts',
    'webpack://shop/src/main.ts',
    'webpack://@acme/shop/src/main.ts',
    'webpack://./src/main.ts',
    'webpack-internal:///./src/main.ts',
  ])('%s is looked for upwards from the bundle', async (source) => {
    // Nothing there yet: the nearest package.
    expect(await resolveOne(source)).toBe('apps/shop/src/main.ts');
    write('src/main.ts');
    expect(await resolveOne(source)).toBe('src/main.ts');
    write('apps/shop/src/main.ts');
    expect(await resolveOne(source)).toBe('apps/shop/src/main.ts');
  });

  it('is not found in a nearer directory that only begins alike', async () => {
    write('apps/shop/src/other.ts');
    write('src/main.ts');
    expect(await resolveOne('webpack://shop/./src/main.ts')).toBe('src/main.ts');
  });

  it('may be outside the directory webpack ran in', async () => {
    write('apps/lib/a.ts');
    expect(await resolveOne('webpack://shop/../lib/a.ts')).toBe('apps/lib/a.ts');
  });

  it('may be in a folder called webpack', async () => {
    write('webpack/a.ts');
    expect(await resolveOne('webpack://shop/./webpack/a.ts')).toBe('webpack/a.ts');
  });

  it.each(['webpack:////srv/src/main.ts', 'webpack://shop//srv/src/main.ts'])(
    '%s has an absolute path',
    async (source) => {
      expect(await resolveOne(source)).toBe('/srv/src/main.ts');
    },
  );

  it.each([
    'webpack://shop/webpack/bootstrap',
    'webpack://shop/webpack/runtime/define property getters',
    'webpack:///webpack/bootstrap',
    'webpack://shop/external node-commonjs "node:fs"',
    'webpack://shop/ignored|/srv/shop|./debug',
    'webpack:///(webpack)/buildin/module.js',
    'webpack://',
    'webpack://shop',
    'webpack:///',
  ])('%s is no file', async (source) => {
    expect(await resolveOne(source)).toBeNull();
  });

  it('without any package is relative to the map', async () => {
    rmSync(join(root, 'package.json'));
    rmSync(join(root, 'apps/shop/package.json'));
    expect(await resolveOne('webpack://shop/./src/main.ts', 'maps')).toBe('maps/src/main.ts');
  });
});
