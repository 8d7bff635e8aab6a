import { isAbsolute, join } from 'node:path';
import { type FoundScript, OriginalPositions, toPath } from './original.positions.js';
import { RunningTexts, type ScriptsOf } from './running.texts.js';
import { isSeen, ScriptReader } from './script.reader.js';
import { fileVersion } from './source-map.file.js';
import { resolveSources } from './source-map.sources.js';
import type { CodePosition, SourceMapTable } from './source-map.table.js';

interface SourceMapOptions {
  /** What the maps held between two profiles, and those of one profile, may take up; approximate. */
  readonly cacheBytes?: number;
  /** Generated files and maps larger than this are not read. */
  readonly fileBytes?: number;
  /** Directory of the application's package: what lies in `node_modules` below it is not the application's own. */
  readonly root?: string;
  /** Without it, text that is not on the disk is not found. */
  readonly scriptsOf?: ScriptsOf;
}

const MIB = 1024 * 1024;
/** Texts in memory at the same time: a map takes several times its size while it is read. */
const CONCURRENCY = 4;

/** Bundlers run modules with `eval`, under such names. */
const EVALUATED = /^webpack(?:-internal)?:/;

/**
 * Maps positions in generated code to the original ones, and is bounded in memory.
 *
 * A map is of use only where the text that it was made for is the text that runs. That is seen by the functions: in the
 * text on the disk one must start where V8 says that one starts. Where it does not, V8 is asked for the text that it has.
 *
 * @internal
 */
export class SourceMaps {
  readonly #cacheBytes: number;
  readonly #root: string | undefined;
  readonly #reader: ScriptReader;
  readonly #running: RunningTexts;

  constructor({ cacheBytes = 64 * MIB, fileBytes = 64 * MIB, root, scriptsOf }: SourceMapOptions = {}) {
    this.#cacheBytes = cacheBytes;
    this.#root = root;
    this.#reader = new ScriptReader(cacheBytes, fileBytes);
    this.#running = new RunningTexts(this.#reader, scriptsOf);
  }

  /** Reads, once per version of a file, the maps of the files in which V8 has seen functions start there. Never throws. */
  async load(seen: Iterable<CodePosition>): Promise<OriginalPositions> {
    const functions = byFile(seen);
    const names = [...functions.keys()].filter((file) => this.#isMapped(file));
    const found = new Map<string, FoundScript>();
    const others = new Map<string, readonly CodePosition[]>();
    const queue = names.values();
    const readSome = async (): Promise<void> => {
      for (const name of queue) {
        const path = EVALUATED.test(name) ? await this.#pathOfEvaluated(name) : await pathOf(name);
        const positions = functions.get(name) ?? [];
        const script = EVALUATED.test(name) ? undefined : await this.#reader.onDisk(path, positions);
        found.set(name, { path, script: script ?? { version: '' } });
        if (!script && isSeen(positions)) {
          others.set(name, positions);
        }
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, readSome));
    if (others.size > 0) {
      await this.#running.find(others, found);
    }
    const evaluated = functions.get('')?.filter(({ line }) => line > 0) ?? [];
    return new OriginalPositions(this.#withinLimit(found), (path) => this.#isBuilt(path), evaluated);
  }

  /** The maps of one profile must fit into memory together. */
  #withinLimit(found: Map<string, FoundScript>): Map<string, FoundScript> {
    const counted = new Set<SourceMapTable>();
    let bytes = 0;
    for (const [name, { path, script }] of found) {
      const { table, ...rest } = script;
      if (table && !counted.has(table) && bytes + table.byteLength > this.#cacheBytes) {
        const unreadable = `the source maps of this profile take up more than ${this.#cacheBytes} bytes`;
        found.set(name, { path, script: { ...rest, unreadable } });
      } else if (table && !counted.has(table)) {
        counted.add(table);
        bytes += table.byteLength;
      }
    }
    return found;
  }

  /**
   * Not `node:` modules, nor `node_modules`: packages often ship maps of sources that they don't ship, and a compiled position
   * that can be opened beats an original one that cannot. The application may lie in there itself.
   */
  #isMapped(name: string): boolean {
    const path = toPath(name);
    const isCode = EVALUATED.test(name) || isAbsolute(path);
    return isCode && !/[\\/]node_modules[\\/]/.test(this.#below(path) ?? path);
  }

  /** The path below the application's directory. */
  #below(path: string): string | undefined {
    const root = this.#root?.replace(/[\\/]$/, '');
    return root !== undefined && path.startsWith(root) && /^[\\/]/.test(path.slice(root.length))
      ? path.slice(root.length)
      : undefined;
  }

  /** Whether it is the application's own, and a compiler has written it: then a map of it could be had. */
  #isBuilt(path: string): boolean {
    return /^[\\/](?:.+[\\/])?(?:dist|build|out)[\\/].*\.[cm]?js$/.test(this.#below(path) ?? '');
  }

  async #pathOfEvaluated(name: string): Promise<string> {
    const root = this.#root;
    const [path] = root === undefined ? [] : await resolveSources([name], join(root, 'bundle.js'), root);
    return path ?? name;
  }
}

function byFile(positions: Iterable<CodePosition>): Map<string, CodePosition[]> {
  const groups = new Map<string, CodePosition[]>();
  for (const position of positions) {
    const group = groups.get(position.file) ?? [];
    groups.set(position.file, group);
    group.push(position);
  }
  return groups;
}

/** The addon gives URLs without their scheme, and still encoded. */
async function pathOf(name: string): Promise<string> {
  const path = toPath(name);
  if (path !== name || !/[%?]/.test(path) || (await fileVersion(path)) !== undefined) {
    return path;
  }
  const decoded = toPath(`file://${path}`);
  return (await fileVersion(decoded)) === undefined ? path : decoded;
}
