import { messageOf } from '../../shared/error.message.js';
import { dirname } from 'node:path';
import { parseSourceMap } from './source-map.parse.js';
import { fileVersion, locateMap, readText } from './source-map.read.js';
import { resolveSources } from './source-map.sources.js';
import { SourceMapTable } from './source-map.table.js';

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
