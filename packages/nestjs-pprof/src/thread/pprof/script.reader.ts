import { dirname } from 'node:path';
import { messageOf } from '../../shared/pprof.error.js';
import { positionIn, type Script } from './original.positions.js';
import { ScriptFunctions } from './script.functions.js';
import { fileVersion, locateMap, parseSourceMap, readText } from './source-map.file.js';
import { resolveSources } from './source-map.sources.js';
import { type CodePosition, SourceMapTable, tableBytesOf } from './source-map.table.js';

/** Compiled as it is loaded, so that what is on the disk is seldom what runs; types alone can be stripped in place. */
const SOURCE_FILE = /\.(?:[cm]?ts|tsx|jsx)$/;

const GONE = 'there is no such file';

/** Reads scripts with their maps, keeps them for the next profile, and is bounded in memory. @internal */
export class ScriptReader {
  /** By path, or by the name of a script in memory behind `running `. */
  readonly cache: ScriptCache;
  readonly #reading = new Map<string, Promise<Script>>();

  /**
   * @param cacheBytes What the maps held between two profiles may take up; approximate.
   * @param fileBytes Generated files and maps larger than this are not read.
   */
  constructor(
    private readonly cacheBytes: number,
    private readonly fileBytes: number,
  ) {
    this.cache = new ScriptCache(cacheBytes);
  }

  /** The script on the disk; undefined where another one runs, by where V8 says that functions start. */
  async onDisk(path: string, positions: readonly CodePosition[]): Promise<Script | undefined> {
    const script = await this.#onDisk(path, positions);
    if (!script || !isOf(script, positions)) {
      return undefined;
    }
    script.isProven ||= provenBy(script, positions);
    const isGone = isSeen(positions) && script.version === versions(undefined) && !script.functions;
    return isGone ? { ...script, unreadable: GONE } : script;
  }

  async #onDisk(path: string, positions: readonly CodePosition[]): Promise<Script | undefined> {
    const known = this.cache.get(path);
    // What ran when it was read still runs, also where the file has been written anew, or is gone, since.
    if (known?.isProven && known.table && provenBy(known, positions)) {
      this.cache.keep(path, known);
      return known;
    }
    const current = await this.#read(path);
    if (known?.isProven && current !== known && isOf(known, positions) && !provenBy(current, positions)) {
      this.cache.keep(path, known);
      return known;
    }
    // Of what is compiled as it is loaded, nothing is believed that was not seen.
    return SOURCE_FILE.test(path) && !current.functions?.isFollowed ? undefined : current;
  }

  #read(path: string): Promise<Script> {
    const script = this.#reading.get(path) ?? this.#refresh(path).finally(() => this.#reading.delete(path));
    this.#reading.set(path, script);
    return script;
  }

  async #refresh(path: string): Promise<Script> {
    const cached = this.cache.get(path);
    const script = cached && (await isCurrent(path, cached)) ? cached : await this.readScript(path);
    if (!(cached?.isProven && script !== cached)) {
      this.cache.keep(path, script);
    }
    return script;
  }

  /** Never throws. */
  async readScript(path: string): Promise<Script> {
    // Versions are asked for before the files are read: what changes meanwhile is seen the next time.
    const generated = await fileVersion(path);
    const script: { -readonly [Key in keyof Script]: Script[Key] } = { version: versions(generated) };
    if (generated === undefined) {
      return script;
    }
    try {
      const text = await this.textOf(path);
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
        mapText = await readText(location.file, this.fileBytes);
      }
      script.table = await this.tableOf(mapText, path, dirname(script.mapFile ?? path), script.functions);
    } catch (error) {
      script.unreadable = reasonOf(error);
    } finally {
      script.functions?.finish();
    }
    return script;
  }

  async textOf(path: string): Promise<string> {
    return (await readText(path, this.fileBytes)).replace(/^\uFEFF/, '');
  }

  /** Refuses a map that the cache could never hold, for good, rather than read it for every profile. */
  async tableOf(
    mapText: string,
    path: string,
    mapDirectory: string,
    functions: ScriptFunctions,
  ): Promise<SourceMapTable> {
    const tooLarge = `it takes up more than ${this.cacheBytes} bytes`;
    if (tableBytesOf(mapText) > this.cacheBytes) {
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
    if (table.byteLength > this.cacheBytes) {
      throw new Error(tooLarge);
    }
    return table;
  }
}

const BYTES_PER_ENTRY = 512;

/** Scripts that are kept for the next profile, as many as fit; the longest unused goes first. */
class ScriptCache {
  readonly #scripts = new Map<string, Script>();
  #bytes = 0;

  constructor(private readonly maxBytes: number) {}

  get(key: string): Script | undefined {
    return this.#scripts.get(key);
  }

  keep(key: string, script: Script): void {
    this.#drop(key);
    this.#scripts.set(key, script);
    this.#bytes += sizeOf(script);
    for (const oldest of this.#scripts.keys()) {
      if (this.#bytes <= this.maxBytes) {
        break;
      }
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const script = this.#scripts.get(key);
    if (script) {
      this.#scripts.delete(key);
      this.#bytes -= sizeOf(script);
    }
  }
}

function sizeOf({ table, functions }: Script): number {
  return BYTES_PER_ENTRY + (table?.byteLength ?? 0) + (functions?.byteLength ?? 0);
}

/** Whether V8 has shown a function of the script, and not only its beginning. @internal */
export function isSeen(positions: readonly CodePosition[]): boolean {
  return positions.some(({ line, column }) => line > 1 || column > 1);
}

/** Whether every function that was seen starts in this text, as far as that can be told. @internal */
export function isOf(script: Script, positions: readonly CodePosition[]): boolean {
  return positions.every((position) => script.functions?.has(positionIn(script, position)) !== false);
}

/** Whether it is the text that runs, which takes a function that starts in it. */
function provenBy(script: Script, positions: readonly CodePosition[]): boolean {
  return (
    isOf(script, positions) &&
    positions.some((position) => script.functions?.has(positionIn(script, position)) === true)
  );
}

async function isCurrent(path: string, { version, mapFile }: Script): Promise<boolean> {
  return version === versions(await fileVersion(path), mapFile && (await fileVersion(mapFile)));
}

function versions(generated: string | undefined, map?: string): string {
  return `${generated} ${map}`;
}

/** The file is named with the reason already, so that many files with the same reason are one comment. @internal */
export function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? 'it is missing (ENOENT)' : messageOf(error);
}
