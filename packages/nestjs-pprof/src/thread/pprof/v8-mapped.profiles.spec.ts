import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SourceMaps } from './source.maps.js';
import type { V8CallFrame, V8CpuProfile, V8HeapProfile } from './v8.profiles.js';
import { mapV8Profile } from './v8.profiles.js';

let directory: string;
let compiled: string;
let original: string;

beforeAll(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'v8-source-maps-')));
  compiled = join(directory, 'a.js');
  original = pathToFileURL(join(directory, 'a.ts')).href;
  // Lines 2 to 4 of the compiled file are lines 11, 12 and 12 of the source; nothing is known of the others.
  const map = { version: 3, sources: ['a.ts'], names: [], mappings: ';AAUA;AACA;AAAA' };
  writeFileSync(`${compiled}.map`, JSON.stringify(map));
  writeFileSync(compiled, `work =\n() => {\n  1;\n  2;\n}\n//# sourceMappingURL=a.js.map\n`);
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

function frame(functionName: string, url: string, line: number): V8CallFrame & { scriptId: string } {
  return { functionName, scriptId: '7', url, lineNumber: line - 1, columnNumber: 0 };
}

function profileWith(
  callFrame: V8CallFrame,
  positionTicks?: { line: number; ticks: number }[],
): V8CpuProfile {
  const node = { id: 1, callFrame, hitCount: 9, ...(positionTicks ? { positionTicks } : {}) };
  return { nodes: [node], startTime: 5, endTime: 9, samples: [1], timeDeltas: [2] };
}

describe('mapV8Profile, of a CPU profile', () => {
  it.each([
    ['path', (file: string) => file],
    ['URL', (file: string) => pathToFileURL(file).href],
  ])(
    'moves a function to its source, known by its %s, and leaves all else as V8 has it',
    async (_, urlOf) => {
      const profile = profileWith(frame('work', urlOf(compiled), 2));
      expect(await mapV8Profile(profile, new SourceMaps())).toEqual({
        ...profile,
        nodes: [{ ...profile.nodes[0], callFrame: frame('work', original, 11) }],
      });
    },
  );

  it('makes names printable, and moves no lines where nothing is mapped', async () => {
    const ticks = [
      { line: 3, ticks: 1 },
      { line: 4, ticks: 2 },
    ];
    const profile = profileWith(frame('\u001b[2J\nrun', '/srv/\u0000a.js', 3), ticks);
    const { nodes } = await mapV8Profile(profile, new SourceMaps());
    expect(nodes).toEqual([{ ...profile.nodes[0], callFrame: frame('\\x1b[2J\\nrun', '/srv/\\x00a.js', 3) }]);
  });

  it('moves the executing lines and adds up those that have become one, without losing a tick', async () => {
    const ticks = [
      { line: 2, ticks: 1 },
      { line: 3, ticks: 2 },
      { line: 4, ticks: 4 },
      // Not in the map: it stays with the function.
      { line: 99, ticks: 8 },
    ];
    const { nodes } = await mapV8Profile(profileWith(frame('work', compiled, 2), ticks), new SourceMaps());
    expect(nodes[0]?.positionTicks).toEqual([
      { line: 11, ticks: 9 },
      { line: 12, ticks: 6 },
    ]);
  });

  it.each([
    ['V8’s own', { functionName: '(program)', url: '', lineNumber: -1, columnNumber: -1 }],
    ['Node’s', frame('emit', 'node:events', 500)],
    ['evaluated', frame('other', 'evalmachine.<anonymous>', 3)],
    ['in no source', frame('helper', 'file:///nowhere/a.js', 1)],
  ])('leaves a frame that is %s as it is, lines too', async (_, callFrame) => {
    const profile = profileWith(callFrame, [{ line: 3, ticks: 1 }]);
    expect(await mapV8Profile(profile, new SourceMaps())).toEqual(profile);
  });
});

it('says in the profile why a map is not used, and cuts the text of modules from data: URLs', async () => {
  const gone = frame('work', '/nowhere/b.js', 2);
  expect(await mapV8Profile(profileWith(gone), new SourceMaps())).toMatchObject({
    comments: ['source map of /nowhere/b.js not used: there is no such file'],
    nodes: [{ callFrame: gone }],
  });
  const { nodes } = await mapV8Profile(
    profileWith(frame('run', 'data:text/javascript,export{}', 1)),
    new SourceMaps(),
  );
  expect(nodes[0]?.callFrame.url).toBe('data:text/javascript,');
});

describe('mapV8Profile, of a heap profile', () => {
  it('moves every node of the tree, and keeps sizes, ids and samples', async () => {
    const tree = (url: string, line: number): V8HeapProfile => {
      const leaf = { callFrame: frame('work', url, line), selfSize: 64, id: 2, children: [] };
      const head = { callFrame: frame('(root)', '', 0), selfSize: 0, id: 1, children: [leaf] };
      const whole = { head, samples: [{ size: 64, nodeId: 2, ordinal: 1 }] };
      return whole;
    };
    expect(await mapV8Profile(tree(compiled, 2), new SourceMaps())).toEqual(tree(original, 11));
  });
});
