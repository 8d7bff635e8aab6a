import { dirname, isAbsolute, join } from 'node:path';
import { messageOf } from '../../shared/pprof.error.js';
import { type FoundScript, OriginalPositions, placeIn, type Script, toPath } from './original.positions.js';
import { ScriptCache } from './script.cache.js';
import { ScriptFunctions } from './script.functions.js';
import { fileVersion, locateMap, parseSourceMap, readText } from './source-map.file.js';
import { resolveSources } from './source-map.sources.js';
import { type CodePosition, SourceMapTable, tableBytesOf } from './source-map.table.js';

export type { CodePosition } from './source-map.table.js';

/** A script as V8 holds it in memory. @internal */
export interface RunningScript {
  readonly text: string;
  /** Empty where it has none. */
  readonly sourceMapUrl: string;
}

/**
 * Asks V8 for the scripts that it has under these names (paths or URLs): of each all there are, the newest first. It
 * costs the application's thread something, so it is asked only for those whose text is not the one on the disk.
 *
 * @internal
 */
export type ScriptsOf = (
  names: ReadonlySet<string>,
) => Promise<ReadonlyMap<string, readonly RunningScript[]>>;

/** @internal */
export interface SourceMapOptions {
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

/** Compiled as it is loaded, so that what is on the disk is seldom what runs; types alone can be stripped in place. */
const SOURCE_FILE = /\.(?:[cm]?ts|tsx|jsx)$/;
/** Bundlers run modules with `eval`, under such names. */
const EVALUATED = /^webpack(?:-internal)?:/;

const OTHER_TEXT =
  'the text that runs is not the one on the disk (compiled as it was loaded, or written anew since)';

const GONE = 'there is no such file';

/**
 * Maps positions in generated code to the original ones. Reads only the maps of the files it is asked about, keeps
 * them for the next profile, and is bounded in memory.
 *
 * A map is of use only where the text that it was made for is the text that runs. That is seen by the functions: in the
 * text on the disk one must start where V8 says that one starts. Where it does not, V8 is asked for the text that it has.
 *
 * @internal
 */
export class SourceMaps {
  readonly #cacheBytes: number;
  readonly #fileBytes: number;
  readonly #root: string | undefined;
  readonly #scriptsOf: ScriptsOf | undefined;
  /** By path, or by the name of a script in memory behind `running `. */
  readonly #cache: ScriptCache;
  readonly #reading = new Map<string, Promise<Script>>();
  /** V8 is asked once at a time. */
  #asking: Promise<unknown> = Promise.resolve();

  constructor({ cacheBytes = 64 * MIB, fileBytes = 64 * MIB, root, scriptsOf }: SourceMapOptions = {}) {
    this.#cacheBytes = cacheBytes;
    this.#cache = new ScriptCache(cacheBytes);
    this.#fileBytes = fileBytes;
    this.#root = root;
    this.#scriptsOf = scriptsOf;
  }

  /**
   * Reads, at most once per version of a file, the maps of these files. Never throws.
   *
   * @param seen where functions start in them, by V8
   */
  async load(files: Iterable<string>, seen: Iterable<CodePosition> = []): Promise<OriginalPositions> {
    const names = new Set([...files].filter((file) => this.#isMapped(file)));
    const functions = byFile(seen);
    const found = new Map<string, FoundScript>();
    const others = new Map<string, readonly CodePosition[]>();
    const queue = names.values();
    const readSome = async (): Promise<void> => {
      for (const name of queue) {
        const path = EVALUATED.test(name) ? await this.#pathOfEvaluated(name) : await pathOf(name);
        const positions = functions.get(name) ?? [];
        const script = EVALUATED.test(name) ? undefined : await this.#onDisk(path, positions);
        const isSeen = positions.some(({ line, column }) => line > 1 || column > 1);
        if (script && isOf(script, positions)) {
          script.isProven ||= provenBy(script, positions);
          const isGone = isSeen && script.version === versions(undefined) && !script.functions;
          found.set(name, { path, script: isGone ? { ...script, unreadable: GONE } : script });
        } else {
          found.set(name, { path, script: { version: '' } });
          if (isSeen) {
            others.set(name, positions);
          }
        }
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, readSome));
    if (others.size > 0) {
      this.#asking = this.#asking.then(() => this.#findRunning(others, found));
      await this.#asking;
    }
    const evaluated = functions.get('')?.filter(({ line }) => line > 0) ?? [];
    return new OriginalPositions(this.#withinLimit(found), (path) => this.#isBuilt(path), evaluated);
  }

  /** The maps of one profile must fit into memory together. */
  #withinLimit(found: Map<string, FoundScript>): Map<string, FoundScript> {
    const counted = new Set<SourceMapTable>();
    let bytes = 0;
    for (const [name, { path, script }] of found) {
      if (script.table && !counted.has(script.table)) {
        bytes += script.table.byteLength;
        if (bytes > this.#cacheBytes) {
          bytes -= script.table.byteLength;
          const unreadable = `the source maps of this profile take up more than ${this.#cacheBytes} bytes`;
          const { table: _, ...rest } = script;
          found.set(name, { path, script: { ...rest, unreadable } });
        } else {
          counted.add(script.table);
        }
      }
    }
    return found;
  }

  /**
   * Not `node:` modules, and not `node_modules` either: packages often ship maps of sources that they don't ship, and a
   * compiled position that can be opened beats an original one that cannot. The application may lie in there itself.
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

  async #onDisk(path: string, positions: readonly CodePosition[]): Promise<Script | undefined> {
    const known = this.#cache.get(path);
    // What ran when it was read still runs, also where the file has been written anew, or is gone, since.
    if (known?.isProven && known.table && provenBy(known, positions)) {
      this.#cache.keep(path, known);
      return known;
    }
    const current = await this.#read(path);
    if (known?.isProven && current !== known && isOf(known, positions) && !provenBy(current, positions)) {
      this.#cache.keep(path, known);
      return known;
    }
    // Of what is compiled as it is loaded, nothing is believed that was not seen.
    return SOURCE_FILE.test(path) && !current.functions?.isFollowed ? undefined : current;
  }

  #read(path: string): Promise<Script> {
    let script = this.#reading.get(path);
    if (!script) {
      script = this.#refresh(path).finally(() => this.#reading.delete(path));
      this.#reading.set(path, script);
    }
    return script;
  }

  async #refresh(path: string): Promise<Script> {
    const cached = this.#cache.get(path);
    const script = cached && (await isCurrent(path, cached)) ? cached : await this.#readScript(path);
    if (!(cached?.isProven && script !== cached)) {
      this.#cache.keep(path, script);
    }
    return script;
  }

  /** Never throws. */
  async #readScript(path: string): Promise<Script> {
    // Versions are asked for before the files are read: what changes meanwhile is seen the next time.
    const generated = await fileVersion(path);
    const script: { -readonly [Key in keyof Script]: Script[Key] } = { version: versions(generated) };
    if (generated === undefined) {
      return script;
    }
    try {
      const text = withoutByteOrderMark(await readText(path, this.#fileBytes));
      script.functions = new ScriptFunctions(text, SOURCE_FILE.test(path));
      const location = await locateMap(path, script.functions.sourceMapUrl);
      let mapText: string;
      if ('text' in location) {
        mapText = location.text;
      } else {
        const map = await fileVersion(location.file);
        script.mapFile = location.file;
        script.version = versions(generated, map);
        if (map === undefined && !location.announced) {
          return script;
        }
        mapText = await readText(location.file, this.#fileBytes);
      }
      script.table = await this.#tableOf(mapText, path, dirname(script.mapFile ?? path), script.functions);
    } catch (error) {
      script.unreadable = reasonOf(error);
    } finally {
      script.functions?.finish();
    }
    return script;
  }

  /** Refuses a map that the cache could never hold, for good, rather than read it for every profile. */
  async #tableOf(
    mapText: string,
    path: string,
    mapDirectory: string,
    functions: ScriptFunctions,
  ): Promise<SourceMapTable> {
    const tooLarge = `it takes up more than ${this.#cacheBytes} bytes`;
    if (tableBytesOf(mapText) > this.#cacheBytes) {
      throw new Error(tooLarge);
    }
    const maps = parseSourceMap(mapText);
    const sources = maps.flatMap((map) => map.sources);
    const resolved = await resolveSources(sources, path, mapDirectory);
    if (resolved.every((source) => source === null)) {
      const named = sources.filter(Boolean).slice(0, 3).join(', ');
      throw new Error(named === '' ? 'it names no source' : `none of its sources is a file: ${named}`);
    }
    const table = new SourceMapTable(maps, resolved, functions);
    if (table.byteLength > this.#cacheBytes) {
      throw new Error(tooLarge);
    }
    return table;
  }

  /** Looks for the text of scripts in V8's memory, where that is not known yet. Never throws. */
  async #findRunning(
    others: ReadonlyMap<string, readonly CodePosition[]>,
    found: Map<string, FoundScript>,
  ): Promise<void> {
    const unknown = new Set<string>();
    for (const [name, positions] of others) {
      const known = this.#cache.get(`running ${name}`);
      if (!known || (known.functions && !isOf(known, positions))) {
        unknown.add(name);
      }
    }
    let failure: string | undefined;
    if (unknown.size > 0 && this.#scriptsOf) {
      try {
        const scripts = await this.#scriptsOf(unknown);
        for (const name of unknown) {
          const script = await this.#running(
            found.get(name)!.path,
            others.get(name)!,
            scripts.get(name) ?? [],
          );
          this.#cache.keep(`running ${name}`, script);
        }
      } catch (error) {
        failure = `${OTHER_TEXT}, and V8 could not be asked for it: ${messageOf(error)}`;
      }
    }
    for (const name of others.keys()) {
      const { path } = found.get(name)!;
      const script = this.#cache.get(`running ${name}`);
      const unreadable = failure ?? script?.unreadable ?? OTHER_TEXT;
      found.set(
        name,
        script?.functions && !script.unreadable
          ? { path, script }
          : {
              path,
              script: {
                version: '',
                ...(script?.functions ? { functions: script.functions } : {}),
                unreadable,
              },
              isOther: true,
            },
      );
    }
  }

  async #running(
    path: string,
    positions: readonly CodePosition[],
    scripts: readonly RunningScript[],
  ): Promise<Script> {
    for (const { text, sourceMapUrl } of scripts) {
      const shifted = await this.#shifted(path, text);
      if (shifted) {
        return shifted;
      }
      const functions = new ScriptFunctions(text);
      const script: Script = { version: '', functions };
      if (!isOf(script, positions)) {
        continue;
      }
      try {
        if (!/^data:/i.test(sourceMapUrl)) {
          throw new Error(`${OTHER_TEXT}, and V8 has no map of it`);
        }
        const location = await locateMap(path, sourceMapUrl);
        const table = await this.#tableOf(
          'text' in location ? location.text : '',
          path,
          dirname(path),
          functions,
        );
        return { ...script, table };
      } catch (error) {
        return { ...script, unreadable: reasonOf(error) };
      } finally {
        functions.finish();
      }
    }
    return { version: '', unreadable: `${OTHER_TEXT}, and the main thread has no such script` };
  }

  /**
   * The text on the disk, where the one that runs has only something put around it (`Module.wrapper`), or its types taken
   * out and nothing moved.
   */
  async #shifted(path: string, running: string): Promise<Script | undefined> {
    const text = await readText(path, this.#fileBytes).then(withoutByteOrderMark, () => '');
    const offset = isStripped(text, running) ? 0 : running.indexOf(text);
    if (text.trim() === '' || offset === -1) {
      return undefined;
    }
    const before = running.slice(0, offset).split(/\r\n|[\n\r\u2028\u2029]/);
    const script = await this.#readScript(path);
    return { ...script, shift: { lines: before.length - 1, columns: before.at(-1)!.length } };
  }
}

/** Whether every function that was seen starts in this text, as far as that can be told. */
function isOf(script: Script, positions: readonly CodePosition[]): boolean {
  return positions.every((position) => script.functions?.has(placeIn(script, position)) !== false);
}

/** Whether it is the text that runs, which takes a function that starts in it. */
function provenBy(script: Script, positions: readonly CodePosition[]): boolean {
  return (
    isOf(script, positions) &&
    positions.some((position) => script.functions?.has(placeIn(script, position)) === true)
  );
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

async function isCurrent(path: string, { version, mapFile }: Script): Promise<boolean> {
  return version === versions(await fileVersion(path), mapFile && (await fileVersion(mapFile)));
}

function versions(generated: string | undefined, map?: string): string {
  return `${generated} ${map}`;
}

/** Whether types were taken out in place: Node puts spaces there, and seldom a `;` or the `)` of an arrow function. */
function isStripped(text: string, running: string): boolean {
  if (text === '' || running.length < text.length) {
    return false;
  }
  for (let index = 0; index < text.length; index++) {
    if (text[index] !== running[index] && !/[\s;)]/.test(running[index]!)) {
      return false;
    }
  }
  return true;
}

function withoutByteOrderMark(text: string): string {
  return text.replace(/^\uFEFF/, '');
}

/** The file is named with the reason already, so that many files with the same reason are one comment. */
function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? 'it is missing (ENOENT)' : messageOf(error);
}
