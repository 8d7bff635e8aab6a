import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ScriptFunctions } from './script.functions.js';
import { fileVersion, locateMap, type MapLocation } from './source-map.file.js';

const MAP = '{"version":3,"sources":["it\'s ä.ts"],"mappings":"AAAA"}';
const BASE64 = Buffer.from(MAP).toString('base64');

let directory: string;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'source-maps-')));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

async function locate(code: string | Buffer): Promise<MapLocation> {
  const file = join(directory, 'a.js');
  writeFileSync(file, code);
  return await locateMap(file, new ScriptFunctions(code.toString()).sourceMapUrl);
}

describe('an annotation', () => {
  it.each([
    ['in its usual form', '//# sourceMappingURL=x.map'],
    ['in its old form', '//@ sourceMappingURL=x.map'],
    ['in a block comment', '/*# sourceMappingURL=x.map */'],
    ['in a block comment without a space', '/*# sourceMappingURL=x.map*/'],
    ['with spaces', '  //#  sourceMappingURL=x.map  '],
    ['behind code', 'run();//# sourceMappingURL=x.map'],
    ['before empty lines', '//# sourceMappingURL=x.map\n\n \n'],
    ['with Windows line ends', 'run();\r\n//# sourceMappingURL=x.map\r\n'],
    ['before comments', '//# sourceMappingURL=x.map\n//# debugId=1234\n/* end */'],
    ['that is the last of two', '//# sourceMappingURL=y.map\n//# sourceMappingURL=x.map'],
    ['behind a large file', `${'work();\n'.repeat(20_000)}//# sourceMappingURL=x.map\n`],
    ['behind one long line', `${'work();'.repeat(20_000)}\n//# sourceMappingURL=x.map\n`],
    ['at the end of one long line', `${'work();'.repeat(20_000)}//# sourceMappingURL=x.map`],
    ['before many comments', `//# sourceMappingURL=x.map\n${'// license\n'.repeat(20_000)}`],
    [
      'behind characters of several bytes',
      Buffer.from(`${'ä€😀\n'.repeat(20_001)}//# sourceMappingURL=x.map`),
    ],
    ['with a query', '//# sourceMappingURL=x.map?v=1#top'],
    ['before code, as V8 takes it', '//# sourceMappingURL=x.map\nrun();\n'],
    ['before a comment of several lines', '//# sourceMappingURL=x.map\n/*\n * A licence\n */\n'],
    ['before one in a string', '//# sourceMappingURL=x.map\nrun("//# sourceMappingURL=y.map");'],
    ['behind a template with one', 'run(`\n//# sourceMappingURL=y.map`);\n//# sourceMappingURL=x.map'],
  ])('%s is found', async (_name, code) => {
    expect(await locate(code)).toEqual({ file: join(directory, 'x.map'), announced: true });
  });

  it.each([
    ['no annotation', 'run();\n'],
    ['an empty file', ''],
    ['an annotation in a string', 'const end = "//# sourceMappingURL=x.map"'],
    ['an annotation in a template', 'const end = `\n//# sourceMappingURL=x.map`'],
    ['an annotation without a URL', '//# sourceMappingURL='],
    ['something like an annotation', '// sourceMappingURL=x.map'],
    ['a large file without one', 'run();\n'.repeat(20_000)],
  ])('%s: the map may be beside the file', async (_name, code) => {
    expect(await locate(code)).toEqual({ file: join(directory, 'a.js.map'), announced: false });
  });

  it.each([
    ['base64', `data:application/json;base64,${BASE64}`],
    ['base64 with a charset', `data:application/json;charset=utf-8;base64,${BASE64}`],
    ['base64 in capitals', `DATA:application/json;BASE64,${BASE64}`],
    ['URI encoding, which leaves single quotes', `data:application/json,${encodeURIComponent(MAP)}`],
    ['URI encoding with a charset', `data:application/json;charset=utf-8,${encodeURIComponent(MAP)}`],
  ])('may hold the map in %s', async (_name, url) => {
    expect(await locate(`run();\n//# sourceMappingURL=${url}\n`)).toEqual({ text: MAP });
  });

  it.each(['', '\n', '\n//# debugId=1234\n'])(
    'may hold a map longer than the tail of the file, before %j',
    async (end) => {
      const large = MAP.replace('AAAA', 'AAAA;'.repeat(20_000));
      const url = `data:application/json;base64,${Buffer.from(large).toString('base64')}`;
      expect(await locate(`run();\n//# sourceMappingURL=${url}${end}`)).toEqual({ text: large });
    },
  );
});

describe('the URL of a map', () => {
  it.each([
    ['relative', '../maps/x.map', '/app/maps/x.map'],
    ['absolute', '/maps/x.map', '/maps/x.map'],
    ['file:', pathToFileURL('/maps/ä b.map').href, '/maps/ä b.map'],
    ['percent-encoded', '%C3%A4%20b.map', '/app/dist/ä b.map'],
    ['badly encoded', '100%.map', '/app/dist/100%.map'],
  ])('may be %s', async (_name, url, expected) => {
    const location = await locate(`//# sourceMappingURL=${url}`);
    expect(location).toEqual({
      file: expected.replace('/app/dist', directory).replace('/app', join(directory, '..')),
      announced: true,
    });
  });

  it('may be a file name that only looks encoded', async () => {
    const exact = join(directory, '%20.map');
    writeFileSync(exact, MAP);
    expect(await locate('//# sourceMappingURL=%20.map')).toEqual({ file: exact, announced: true });
  });

  it.each(['http://localhost/x.map', 'https://cdn/x.map', 'blob:x', 'webpack://x.map'])(
    'is not fetched: %s',
    async (url) => {
      await expect(locate(`//# sourceMappingURL=${url}`)).rejects.toThrow(
        `it is at ${url}, which is not fetched`,
      );
    },
  );

  it('is cut short in the reason', async () => {
    const error = await locate(`//# sourceMappingURL=x-scheme:${'x'.repeat(5000)}`).catch(String);
    expect(String(error).length).toBeLessThan(300);
  });
});

it('a version is that of one state of a file', async () => {
  const file = join(directory, 'a.js');
  expect(await fileVersion(file)).toBeUndefined();
  writeFileSync(file, 'a');
  const version = await fileVersion(file);
  expect(await fileVersion(file)).toBe(version);
  writeFileSync(file, 'ab');
  expect(await fileVersion(file)).not.toBe(version);
});
