import { open, readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** More than enough for an annotation that is not itself a map, and for the comments behind it. */
const TAIL_BYTES = 64 * 1024;

/**
 * Where the map of a generated file is: in the file itself, or in another file, which may not exist.
 *
 * @internal
 */
export type MapLocation = { readonly text: string } | { readonly file: string; readonly announced: boolean };

/** Finds the map of a generated file. Throws an `Error` if one is announced that is not on this machine. @internal */
export async function locateMap(file: string, maxBytes: number): Promise<MapLocation> {
  const url = await readAnnotation(file, maxBytes);
  if (url === undefined) {
    // `hidden-source-map` and the like write a map and don't announce it.
    return { file: `${file}.map`, announced: false };
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
  const decoded = resolve(directory, decode(url.replace(/[?#].*$/, '')));
  const exact = resolve(directory, url);
  const useExact =
    decoded !== exact && !(await fileVersion(decoded)) && (await fileVersion(exact)) !== undefined;
  return { file: useExact ? exact : decoded, announced: true };
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

async function readAnnotation(file: string, maxBytes: number): Promise<string | undefined> {
  const url = findAnnotation(await readTail(file));
  return (url === null ? findAnnotation(await readText(file, maxBytes)) : url) ?? undefined;
}

/** The last lines of a large file, beginning with a whole one; none if it is better read as a whole. */
async function readTail(file: string): Promise<string> {
  const info = await stat(file);
  if (!info.isFile() || info.size <= TAIL_BYTES) {
    return '';
  }
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(TAIL_BYTES),
      0,
      TAIL_BYTES,
      info.size - TAIL_BYTES,
    );
    const text = buffer.toString('utf8', 0, bytesRead);
    const firstLine = text.search(LINE_TERMINATOR);
    return firstLine < 0 ? '' : text.slice(firstLine);
  } finally {
    await handle.close();
  }
}

const LINE_TERMINATOR = /[\n\r\u2028\u2029]/;
const MARKER = 'sourceMappingURL=';

/**
 * The URL of `//# sourceMappingURL=`, of its old form with `@`, or of the form for block comments. `null`: there are
 * only other comments (`//# debugId=`) and empty lines here.
 *
 * Only these may follow it (https://tc39.es/ecma426/#sec-linking-inline): an annotation further up, in a bundle, came
 * with one of the bundled files.
 */
function findAnnotation(text: string): string | null | undefined {
  for (const line of text.split(LINE_TERMINATOR).toReversed()) {
    const code = line.trim();
    const marker = code.lastIndexOf(MARKER);
    if (marker >= 0 && /\/[/*][#@]\s*$/.test(code.slice(Math.max(0, marker - 16), marker))) {
      const url = code.slice(marker + MARKER.length).replace(/\s*\*\/$/, '');
      // Quotes: it is the end of a string. A URI-encoded map may have them.
      return url === '' || /\s/.test(url) || (!/^data:/i.test(url) && /['"`]/.test(url)) ? undefined : url;
    }
    if (code !== '' && !code.startsWith('//') && !(code.startsWith('/*') && code.endsWith('*/'))) {
      return undefined;
    }
  }
  return null;
}

function decodeDataUrl(url: string): string {
  const comma = url.indexOf(',');
  if (comma < 0) {
    throw new Error('it is a malformed data: URL');
  }
  const data = url.slice(comma + 1);
  return /;\s*base64\s*$/i.test(url.slice(0, comma))
    ? Buffer.from(data, 'base64').toString('utf8')
    : decode(data);
}

function decode(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

/**
 * One plain source map, with the place in the generated file it starts at.
 *
 * @internal
 */
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
 * Reads the JSON of a source map into plain maps: one, or for an index map one per section. Their
 * `sourcesContent`, often most of the text, is left to the garbage collector. Throws an `Error` that says
 * what is wrong with the map.
 *
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
  if (root === '' || source === '' || isAbsolute(source) || hasScheme(source)) {
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
