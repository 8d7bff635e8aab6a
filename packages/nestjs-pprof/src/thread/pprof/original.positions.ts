import { fileURLToPath } from 'node:url';
import type { QualifiedName, ScriptFunctions } from './script.functions.js';
import type { CodePosition, SourceMapTable } from './source-map.table.js';

/** What is known of the text of one script. @internal */
export interface Script {
  /** Of the file and of its map. */
  readonly version: string;
  /** The file that holds the map, or would. */
  readonly mapFile?: string;
  readonly functions?: ScriptFunctions;
  readonly table?: SourceMapTable;
  /** Why the map is not used. */
  readonly unreadable?: string;
  /** What was put in front of the text before it was run. */
  readonly shift?: { readonly lines: number; readonly columns: number };
  /** Whether a profile has shown that this is the text that runs. */
  isProven?: boolean;
}

/** @internal */
export interface FoundScript {
  readonly path: string;
  readonly script: Script;
  /** Whether the text is not on the disk, and V8 has no map of it: lines would be those of a text that nobody has. */
  readonly isOther?: boolean;
}

/** Where a function is in the original source. @internal */
export interface OriginalPosition extends CodePosition {
  /** Whether another function of the same file has that name, too. */
  readonly isAmbiguous?: true;
  /** Of a text that nobody has: its own position there. The line is 0 then. */
  readonly compiled?: Pick<CodePosition, 'line' | 'column'>;
}

/** The maps of the files of one profile. Stays as it is while the cache it came from moves on. @internal */
export class OriginalPositions {
  /** Files (absolute paths) whose map is not used, with the reason. */
  readonly unreadable: ReadonlyMap<string, string>;
  /** Files of the application that a compiler has written without a map. */
  readonly unmapped: readonly string[];

  constructor(
    private readonly scripts: ReadonlyMap<string, FoundScript>,
    isBuilt: (path: string) => boolean,
    /** Of code that has no file, as far as V8 tells. */
    private readonly evaluated: readonly CodePosition[],
  ) {
    // Whichever was read first: the same files are named from one profile to the next.
    const found = [...scripts.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
    this.unreadable = new Map(
      found.flatMap(({ path, script: { unreadable } }) =>
        unreadable === undefined ? [] : [[path, unreadable]],
      ),
    );
    this.unmapped = [
      ...new Set(
        found
          .filter(({ script }) => script.functions && !script.table && script.unreadable === undefined)
          .map(({ path }) => path)
          .filter(isBuilt),
      ),
    ];
  }

  /** Why positions are not those of the source; one comment for all files that have the same reason. */
  describeUnused(): string[] {
    const { unreadable, unmapped } = this;
    const comments = [...new Set(unreadable.values())].map((reason) => {
      const files = [...unreadable].filter(([, of]) => of === reason).map(([file]) => file);
      return `source map of ${listed(files)} not used: ${reason}`;
    });
    if (unmapped.length > 0) {
      comments.push(
        `no source map of ${listed(unmapped)}: positions are those of the compiled code ("sourceMap": true in tsconfig.json makes maps)`,
      );
    }
    if (this.evaluated.length > 0) {
      const names = new Set(this.evaluated.map(({ functionName }) => functionName || '<anonymous>'));
      comments.push(
        `source map of ${listed([...names].toSorted())} not used: V8 names no file (code that eval or new Function has made)`,
      );
    }
    return comments;
  }

  /** The position itself where nothing is known, but always with a path instead of a `file://` URL. */
  original(position: CodePosition): OriginalPosition {
    const found = this.scripts.get(position.file);
    const { functionName, ...ambiguous }: QualifiedName = found?.script.functions?.nameAt(
      positionIn(found.script, position),
    ) ?? { functionName: position.functionName };
    if ((found?.isOther || position.file === '') && position.line > 0) {
      const { line, column } = position;
      const file = found?.path ?? '';
      return { functionName, ...ambiguous, file, line: 0, column: 0, compiled: { line, column } };
    }
    const mapped = this.mapped(position) ?? { ...position, file: found?.path ?? toPath(position.file) };
    return { ...mapped, functionName, ...ambiguous };
  }

  /** Undefined where no map knows of an original position. */
  mapped(position: CodePosition): CodePosition | undefined {
    const script = this.scripts.get(position.file)?.script;
    return position.line > 0 ? script?.table?.original(positionIn(script, position)) : undefined;
  }
}

/** The position in the text that was read. @internal */
export function positionIn({ shift }: Script, position: CodePosition): CodePosition {
  if (!shift) {
    return position;
  }
  const { line, column } = position;
  return {
    ...position,
    line: line - shift.lines,
    column: line === shift.lines + 1 ? column - shift.columns : column,
  };
}

/** V8 knows ES modules by their URL and CommonJS modules by their path. @internal */
export function toPath(file: string): string {
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

function listed(files: readonly string[]): string {
  const [first, ...others] = files;
  return others.length === 0 ? `${first}` : `${first} and ${others.length} more`;
}
