import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { loadAddon, isCpuSampledByOther, isOtherAddonLoaded, otherProfilers } from './profiler.addon.js';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'nestjs-pprof-')));
afterAll(() => rmSync(directory, { recursive: true }));

/** What Node's loader has loaded; Jest has a loader of its own, whose cache cannot be written to. */
const loaded: Record<string, { readonly exports: unknown }> = {};

const { getBuiltinModule } = process;
jest.spyOn(process, 'getBuiltinModule').mockImplementation(((id: string) => {
  const builtin = getBuiltinModule(id) as typeof import('node:module');
  const createRequire = (from: string | URL) => {
    const require = builtin.createRequire(from);
    return Object.assign((name: string): unknown => require(name), {
      resolve: require.resolve,
      cache: loaded,
    });
  };
  return id === 'node:module' ? { ...builtin, createRequire } : builtin;
}) as typeof getBuiltinModule);

function withLoaded<T>(file: string, exports: object, use: () => T): T {
  loaded[file] = { exports };
  try {
    return use();
  } finally {
    delete loaded[file];
  }
}

const ownEntry = join(directory, 'own', '@datadog', 'pprof', 'out', 'src', 'index.js');
const copy = join(directory, 'node_modules', '@datadog', 'pprof');
const entry = join(copy, 'out', 'src', 'index.js');
const binary = join(copy, 'prebuilds', 'linux-x64', 'dd_pprof.node.abi115.node');

describe('isOtherAddonLoaded', () => {
  it('is about other copies than the one that is loaded here', () => {
    expect(isOtherAddonLoaded()).toBe(false);
    loaded[ownEntry] = { exports: loadAddon() };
    loaded[join(dirname(ownEntry), '..', '..', 'prebuilds', 'linux-x64', 'dd_pprof.node')] = { exports: {} };
    expect(isOtherAddonLoaded()).toBe(false);
    expect(withLoaded(binary, {}, isOtherAddonLoaded)).toBe(true);
  });
});

describe('isCpuSampledByOther', () => {
  it.each([true, false])('asks the other copy: %s', (started) => {
    expect(withLoaded(entry, { time: { isStarted: () => started } }, isCpuSampledByOther)).toBe(started);
  });

  it('is not about the own copy, nor about one that cannot be asked', () => {
    const addon = loadAddon();
    loaded[ownEntry] = { exports: addon };
    const isStarted = jest.spyOn(addon.time, 'isStarted').mockReturnValue(true);
    expect(isCpuSampledByOther()).toBe(false);
    isStarted.mockRestore();
    expect(withLoaded(entry, {}, isCpuSampledByOther)).toBe(false);
  });
});

describe('otherProfilers', () => {
  it('names none where none is known', () => {
    expect(otherProfilers('CPU')).toEqual([]);
  });

  it.each([
    ['heap', '--heap-prof'],
    ['CPU', '--cpu-prof'],
  ] as const)('names Node itself, where it was told to sample the %s', (sampler, flag) => {
    const { NODE_OPTIONS } = process.env;
    process.env.NODE_OPTIONS = `--enable-source-maps ${flag}`;
    try {
      expect(otherProfilers(sampler)).toEqual([`Node's own ${flag}`]);
      expect(otherProfilers(sampler === 'CPU' ? 'heap' : 'CPU')).toEqual([]);
    } finally {
      if (NODE_OPTIONS === undefined) {
        delete process.env.NODE_OPTIONS;
      } else {
        process.env.NODE_OPTIONS = NODE_OPTIONS;
      }
    }
  });

  it('names a package that is loaded', () => {
    const file = join(directory, 'node_modules', 'dd-trace', 'index.js');
    expect(withLoaded(file, {}, () => otherProfilers('CPU'))).toEqual(['dd-trace']);
  });

  it('names a package that is an ES module by the copy of the addon that it uses', () => {
    const owner = join(directory, 'node_modules', '@pyroscope', 'nodejs');
    mkdirSync(owner, { recursive: true });
    writeFileSync(
      join(owner, 'package.json'),
      JSON.stringify({ name: '@pyroscope/nodejs', main: 'index.js' }),
    );
    writeFileSync(join(owner, 'index.js'), '');
    mkdirSync(dirname(entry), { recursive: true });
    writeFileSync(
      join(copy, 'package.json'),
      JSON.stringify({ name: '@datadog/pprof', main: 'out/src/index.js' }),
    );
    writeFileSync(entry, '');
    const [, script] = process.argv;
    process.argv[1] = join(directory, 'main.js');
    try {
      expect(otherProfilers('CPU')).toEqual([]);
      expect(withLoaded(entry, {}, () => otherProfilers('CPU'))).toEqual(['@pyroscope/nodejs']);
    } finally {
      process.argv[1] = script!;
    }
  });
});
