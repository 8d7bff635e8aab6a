import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readFile, stat } from '../../shared/file.system.js';

const ANNOTATION = 'sourceMappingURL=';
const COMMENT = /\/\/[^\n\r\u2028\u2029]*|\/\*[^]*?\*\//g;
const MAGIC = /^\/[/*][#@]\s+sourceMappingURL=(\S*)([^\n\r\u2028\u2029]*)/;

/**
 * What the last of these comments says that is `//# sourceMappingURL=`, its old form with `@`, or the form for block comments.
 * https://github.com/v8/v8/blob/main/src/parsing/scanner.cc (`TryToParseMagicComment`)
 *
 * @internal
 */
export function annotationIn(comments: string): string | undefined {
  if (!comments.includes(ANNOTATION)) {
    return undefined;
  }
  const magic = comments.match(COMMENT)?.findLast((comment) => MAGIC.test(comment));
  const [, value = '', rest = ''] = MAGIC.exec(magic ?? '') ?? [];
  const url = value.replace(/\*\/$/, '');
  const isAlone = /^\s*(?:\*\/.*)?$/.test(rest);
  // Quotes: not meant as one. A URI-encoded map may have them.
  return url === '' || !isAlone || (!/^data:/i.test(url) && /['"`]/.test(url)) ? undefined : flat(url);
}

/** A copy of its own: a slice would keep the whole text in memory. @internal */
export function flat(text: string): string {
  return text.length < 13 ? text : Buffer.from(text, 'utf16le').toString('utf16le');
}

/** Where the map of a generated file is: in the file itself, or in another file, which may not exist. @internal */
export type MapLocation = { readonly text: string } | { readonly file: string; readonly announced: boolean };

/**
 * The map that a generated file announces with this URL, or the one beside it. @throws where it is not on this machine.
 *
 * @internal
 */
export async function locateMap(file: string, url: string | undefined): Promise<MapLocation> {
  // `hidden-source-map` and the like write a map and don't announce it.
  const beside = { file: `${file}.map`, announced: false };
  if (url === undefined) {
    return beside;
  }
  if (/^data:/i.test(url)) {
    return { text: decodeDataUrl(url) };
  }
  if (/^file:/i.test(url)) {
    return { file: fileURLToPath(url), announced: true };
  }
  if (hasScheme(url)) {
    throw new Error(`it is at ${url.slice(0, 200)}, which is not fetched`);
  }
  const directory = dirname(file);
  // tsc percent-encodes the name, others don't.
  const decoded = resolve(directory, decodePercents(url.replace(/[?#].*$/, '')));
  for (const candidate of [decoded, resolve(directory, url)]) {
    if ((await fileVersion(candidate)) !== undefined) {
      return { file: candidate, announced: true };
    }
  }
  // A bundler has left the annotation of a bundled file in, or the map was renamed with the file.
  return (await fileVersion(beside.file)) === undefined ? { file: decoded, announced: true } : beside;
}

/** Changes when a file is written anew; `undefined` if there is no such file. @internal */
export async function fileVersion(file: string): Promise<string | undefined> {
  try {
    const { mtimeMs, size } = await stat(file);
    return `${mtimeMs}:${size}`;
  } catch {
    return undefined;
  }
}

/** @internal */
export async function readText(file: string, maxBytes: number): Promise<string> {
  const info = await stat(file);
  // A pipe or a device would never end.
  if (!info.isFile()) {
    throw new Error(`${file} is not a file`);
  }
  if (info.size > maxBytes) {
    throw new Error(`${file} is larger than ${maxBytes} bytes`);
  }
  return await readFile(file, 'utf8');
}

function decodeDataUrl(url: string): string {
  const comma = url.indexOf(',');
  if (comma < 0) {
    throw new Error('it is a malformed data: URL');
  }
  const data = url.slice(comma + 1);
  return /;\s*base64\s*$/i.test(url.slice(0, comma))
    ? Buffer.from(data, 'base64').toString('utf8')
    : decodePercents(data);
}

/** As it is where it is none, such as a plain path with a `%` in it. @internal */
export function decodePercents(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

/** One plain source map, with the position in the generated file it starts at. @internal */
export interface PlainMap {
  /** 0-based line and column of the generated file that the mappings count from. */
  readonly line: number;
  readonly column: number;
  /** As written in the map, behind `sourceRoot`; `null` is a source without a name. */
  readonly sources: readonly (string | null)[];
  readonly names: readonly string[];
  readonly mappings: string;
}

/** `webpack:`, `https:`, but not the drive letter of a Windows path. */
const SCHEME = /^[a-z][a-z\d+.-]+:/i;

/**
 * Reads a source map into plain maps, one for each section of an index map. `sourcesContent`, often most of the text, is left
 * to the garbage collector.
 *
 * @throws an `Error` that says what is wrong with the map.
 * @internal
 */
export function parseSourceMap(text: string): PlainMap[] {
  const maps: PlainMap[] = [];
  collect(parseJson(text), 0, 0, maps);
  return maps;
}

/** @internal */
export function hasScheme(source: string): boolean {
  return SCHEME.test(source);
}

function parseJson(text: string): unknown {
  try {
    // `)]}'` guards JSON from being run as a script (https://tc39.es/ecma426/#sec-fetching-source-maps); some
    // servers leave it in the file. The byte order mark is left in by Buffer#toString.
    return JSON.parse(text.replace(/^\uFEFF?(?:\)\]\}[^{\n]*)?/, ''));
  } catch {
    throw new Error('it is not valid JSON');
  }
}

function collect(map: unknown, line: number, column: number, maps: PlainMap[]): void {
  if (!isRecord(map) || Number(map['version']) !== 3) {
    throw new Error('it is not a source map of version 3');
  }
  const { sections } = map;
  if (sections === undefined) {
    maps.push({ line, column, ...plainFields(map) });
    return;
  }
  if (!Array.isArray(sections)) {
    throw new Error('its sections are not a list');
  }
  for (const section of sections as unknown[]) {
    const offset = isRecord(section) ? section['offset'] : undefined;
    if (!isRecord(section) || !isRecord(offset) || !isIndex(offset['line']) || !isIndex(offset['column'])) {
      throw new Error('a section of it has no offset');
    }
    // The column counts only on the line that the surrounding section starts on.
    collect(
      section['map'],
      line + offset['line'],
      offset['column'] + (offset['line'] === 0 ? column : 0),
      maps,
    );
  }
}

function plainFields(map: Record<string, unknown>): Pick<PlainMap, 'sources' | 'names' | 'mappings'> {
  const { mappings, sources, sourceRoot } = map;
  const names = map['names'] ?? [];
  if (typeof mappings !== 'string' || !Array.isArray(sources) || !Array.isArray(names)) {
    throw new Error('it lacks mappings or sources');
  }
  const root = typeof sourceRoot === 'string' ? sourceRoot : '';
  return {
    mappings,
    sources: (sources as unknown[]).map((source) =>
      typeof source === 'string' ? withRoot(root, source) : null,
    ),
    names: (names as unknown[]).map(String),
  };
}

function withRoot(root: string, source: string): string {
  if (root === '' || source === '' || /^(?:[a-z]:)?[\\/]/i.test(source) || hasScheme(source)) {
    return source;
  }
  return root.endsWith('/') ? root + source : `${root}/${source}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Something that fits into the Int32Array of a table. */
function isIndex(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 30;
}
