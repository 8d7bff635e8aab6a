import { dirname, isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../../shared/error.message.js';
import { fileVersion, locateMap, parseSourceMap, readText } from './source-map.file.js';
import { resolveSources } from './source-map.sources.js';
import { type CodePosition, SourceMapTable } from './source-map.table.js';

export type { CodePosition } from './source-map.table.js';

/** @internal */
export interface SourceMapLimits {
  /** What the maps held between two profiles, and those of one profile, may take up; approximate. */
  readonly cacheBytes?: number;
  /** Generated files and maps larger than this are not read. */
  readonly fileBytes?: number;
}

const MIB = 1024 * 1024;
const BYTES_PER_ENTRY = 512;
/** Texts in memory at the same time: a map takes several times its size while it is read. */
const CONCURRENCY = 4;

/**
 * Maps positions in generated code to the original ones. Reads only the maps of the files it is asked about, keeps
 * them for the next profile as long as the files stay the same, and is bounded in memory.
 *
 * It reads what is on the disk now. If a file was rebuilt after the process had loaded it, the positions of the
 * running code are looked up in the new map and can be wrong.
 *
 * @internal
 */
export class SourceMaps {
  readonly #cacheBytes: number;
  readonly #fileBytes: number;
  /** The longest unused first. */
  readonly #cache = new Map<string, MappedFile>();
  readonly #reading = new Map<string, Promise<MappedFile>>();
  #cachedBytes = 0;

  constructor({ cacheBytes = 64 * MIB, fileBytes = 64 * MIB }: SourceMapLimits = {}) {
    this.#cacheBytes = cacheBytes;
    this.#fileBytes = fileBytes;
  }

  /** Reads, at most once per version of a file, the maps of these files. Never throws. */
  async load(files: Iterable<string>): Promise<OriginalPositions> {
    const paths = new Set([...files].map(toPath).filter(isMapped)).values();
    const tables = new Map<string, SourceMapTable>();
    const unreadable = new Map<string, string>();
    let bytes = 0;
    const readSome = async (): Promise<void> => {
      for (const path of paths) {
        const { table, unreadable: reason } = await this.#entry(path);
        bytes += table?.byteLength ?? 0;
        if (reason !== undefined) {
          unreadable.set(path, reason);
        } else if (table && bytes > this.#cacheBytes) {
          unreadable.set(path, `the source maps of this profile take up more than ${this.#cacheBytes} bytes`);
          bytes -= table.byteLength;
        } else if (table) {
          tables.set(path, table);
        }
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, readSome));
    return new OriginalPositions(tables, unreadable);
  }

  #entry(path: string): Promise<MappedFile> {
    let entry = this.#reading.get(path);
    if (!entry) {
      entry = this.#refresh(path).finally(() => this.#reading.delete(path));
      this.#reading.set(path, entry);
    }
    return entry;
  }

  async #refresh(path: string): Promise<MappedFile> {
    const cached = this.#cache.get(path);
    if (cached && (await isCurrent(path, cached))) {
      this.#keep(path, cached);
      return cached;
    }
    const entry = this.#withinLimit(await readMappedFile(path, this.#fileBytes));
    this.#keep(path, entry);
    return entry;
  }

  /** A map that the cache could never hold is given up for good, rather than read for every profile. */
  #withinLimit({ table, ...rest }: MappedFile): MappedFile {
    if (table && table.byteLength > this.#cacheBytes) {
      return { ...rest, unreadable: `it takes up more than ${this.#cacheBytes} bytes` };
    }
    return table ? { ...rest, table } : rest;
  }

  #keep(path: string, entry: MappedFile): void {
    this.#drop(path);
    this.#cache.set(path, entry);
    this.#cachedBytes += sizeOf(entry);
    for (const oldest of this.#cache.keys()) {
      if (this.#cachedBytes <= this.#cacheBytes) {
        break;
      }
      this.#drop(oldest);
    }
  }

  #drop(path: string): void {
    const entry = this.#cache.get(path);
    if (entry) {
      this.#cache.delete(path);
      this.#cachedBytes -= sizeOf(entry);
    }
  }
}

/**
 * The maps of the files of one profile. Stays as it is while the cache it came from moves on.
 *
 * @internal
 */
export class OriginalPositions {
  constructor(
    private readonly tables: ReadonlyMap<string, SourceMapTable>,
    /** Files (absolute paths) whose map could not be read, with the reason. */
    readonly unreadable: ReadonlyMap<string, string>,
  ) {}

  /** The position itself where nothing is known, but always with a path instead of a `file://` URL. */
  original(position: CodePosition): CodePosition {
    const file = toPath(position.file);
    return this.mapped(position) ?? (file === position.file ? position : { ...position, file });
  }

  /** Undefined where no map knows of an original position. */
  mapped(position: CodePosition): CodePosition | undefined {
    return position.line > 0 ? this.tables.get(toPath(position.file))?.original(position) : undefined;
  }
}

/** V8 knows ES modules by their URL and CommonJS modules by their path. */
function toPath(file: string): string {
  if (file.startsWith('data:')) {
    // Its address is its whole text.
    return file.replace(/,.*$/s, ',…');
  }
  if (!file.startsWith('file:')) {
    return file;
  }
  try {
    return fileURLToPath(file);
  } catch {
    return file.replace(/^file:\/*/, '/');
  }
}

/**
 * Not `node:` modules and evaluated code. Not `node_modules` either: packages often ship maps of sources that they
 * don't ship, and a compiled position that can be opened beats an original one that cannot.
 */
function isMapped(path: string): boolean {
  return isAbsolute(path) && !/[\\/]node_modules[\\/]/.test(path);
}

function sizeOf({ table }: MappedFile): number {
  return BYTES_PER_ENTRY + (table?.byteLength ?? 0);
}

/**
 * What is known of one generated file: a table, the reason why there is none, or neither if it has no map.
 *
 * @internal
 */
export interface MappedFile {
  /** Of the file and of its map. */
  readonly version: string;
  /** The file that holds the map, or would. */
  readonly mapFile?: string;
  readonly table?: SourceMapTable;
  readonly unreadable?: string;
}

/** @internal */
export async function isCurrent(path: string, { version, mapFile }: MappedFile): Promise<boolean> {
  return version === versions(await fileVersion(path), mapFile && (await fileVersion(mapFile)));
}

/** Never throws. @internal */
export async function readMappedFile(path: string, maxBytes: number): Promise<MappedFile> {
  // Versions are asked for before the files are read: what changes meanwhile is seen the next time.
  const generated = await fileVersion(path);
  const file: { -readonly [Key in keyof MappedFile]: MappedFile[Key] } = { version: versions(generated) };
  if (generated === undefined) {
    return file;
  }
  try {
    const location = await locateMap(path, maxBytes);
    let text: string;
    if ('text' in location) {
      ({ text } = location);
    } else {
      const map = await fileVersion(location.file);
      file.mapFile = location.file;
      file.version = versions(generated, map);
      if (map === undefined && !location.announced) {
        return file;
      }
      text = await readText(location.file, maxBytes);
    }
    file.table = await readTable(text, path, dirname(file.mapFile ?? path), maxBytes);
  } catch (error) {
    file.unreadable = messageOf(error);
  }
  return file;
}

async function readTable(
  mapText: string,
  path: string,
  mapDirectory: string,
  maxBytes: number,
): Promise<SourceMapTable> {
  const maps = parseSourceMap(mapText);
  const sources = maps.flatMap((map) => map.sources);
  const resolved = await resolveSources(sources, path, mapDirectory);
  const hasNames = maps.some(({ names }) => names.length > 0);
  return new SourceMapTable(maps, resolved, hasNames ? await readText(path, maxBytes) : undefined);
}

function versions(generated: string | undefined, map?: string): string {
  return `${generated} ${map}`;
}
