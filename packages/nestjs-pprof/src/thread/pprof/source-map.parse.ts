import { isAbsolute } from 'node:path';

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
