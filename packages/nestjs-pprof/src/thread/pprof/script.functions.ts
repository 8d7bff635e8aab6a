import { type FoundFunction, type Owner, ScriptScan } from './script.scan.js';
import { annotationIn } from './source-map.file.js';

/** As V8 has it, 1-based. */
interface PositionInText {
  readonly functionName: string;
  readonly line: number;
  readonly column: number;
}

/** The name of a function as it is shown. @internal */
export interface QualifiedName {
  /** With its class, where it is a method: `CreateOrder.execute`. */
  readonly functionName: string;
  /** Whether another function of the same text has that name, too. */
  readonly isAmbiguous?: true;
}

const LINE_COMMENTS = /^[ \t]*\/\/.*$/gm;

/** Rough memory of a function, for the limit of the cache. */
const BYTES_PER_FUNCTION = 100;

/**
 * The functions of a script, by the position where V8 says that they start: they tell whether a text is the one that runs, of
 * which class a method is, and which names need more than themselves to be told apart.
 *
 * @internal
 */
export class ScriptFunctions {
  readonly byteLength: number;
  /** Whether the brackets came out even: else nothing is known of the text. */
  readonly isFollowed: boolean;
  /** What the last magic comment says, as V8 finds it: anywhere, whatever follows. */
  readonly sourceMapUrl: string | undefined;
  readonly #lineStarts: Int32Array;
  /** Offsets, ascending. */
  readonly #starts: Int32Array;
  readonly #functions: readonly FoundFunction[];
  readonly #classNames: ReadonlySet<string>;
  readonly #counts = new Map<string, number>();
  /** What is named by the token at an offset. Needed only until the names of the map are added. */
  #named: ReadonlyMap<number, FoundFunction | Owner> | undefined;

  constructor(text: string, isTypeScript = false) {
    const scan = new ScriptScan(text, isTypeScript);
    this.isFollowed = scan.isEven;
    this.#functions = scan.isEven ? scan.functions.toSorted((a, b) => a.start - b.start) : [];
    this.#lineStarts = lineStartsOf(text);
    this.#starts = Int32Array.from(this.#functions, ({ start }) => start);
    this.#classNames = new Set(scan.owners.map(({ generated }) => generated));
    this.#named = scan.named;
    this.sourceMapUrl = scan.isEven
      ? scan.sourceMapUrl
      : annotationIn(text.match(LINE_COMMENTS)?.join('\n') ?? '');
    this.byteLength = this.#lineStarts.byteLength + this.#functions.length * BYTES_PER_FUNCTION;
  }

  /** The map says that the token at this position (0-based) was called `original`. */
  rename(line: number, column: number, original: string): void {
    const lineStart = this.#lineStarts[line];
    const named = lineStart === undefined ? undefined : this.#named?.get(lineStart + column);
    if (named === undefined || !IDENTIFIER.test(original)) {
      return;
    }
    if ('start' in named) {
      named.original = original;
    } else {
      named.name = original;
    }
  }

  /** All names are added. */
  finish(): this {
    this.#named = undefined;
    for (const found of this.#functions) {
      const name = found.isGetter ? '' : textName(found);
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    }
    return this;
  }

  /**
   * Whether the text may be the one that V8 has. Undefined where the position tells nothing (of a module as a whole, of the
   * initializers of a class), or the text could not be followed.
   */
  has({ functionName, line, column }: PositionInText): boolean | undefined {
    if (line <= 0 || column <= 0 || (line === 1 && column === 1) || functionName.startsWith('<')) {
      return undefined;
    }
    const found = this.#at(line, column);
    if (found) {
      return !found.isNamed || withoutAccessor(functionName) === found.name;
    }
    // From Node 26 on the initializers of fields are at the first field, under the name of the class.
    return !this.isFollowed || this.#classNames.has(functionName) ? undefined : false;
  }

  /** What the text, and the names of the map that were added, know of the function that starts there. */
  nameAt({ functionName, line, column }: PositionInText): QualifiedName {
    const found = this.#at(line, column);
    if (!found || functionName.startsWith('<')) {
      return { functionName };
    }
    const own = withoutAccessor(functionName);
    const accessor = functionName.slice(0, functionName.length - own.length);
    const { owner, original } = found;
    if (owner && own === owner.generated && (found.kind === 'class' || found.name === owner.generated)) {
      return { functionName: owner.name };
    }
    const name = original !== undefined && (own === '' || own === found.name) ? original : own;
    const isAmbiguous = (this.#counts.get(textName(found)) ?? 0) > 1;
    return { functionName: name && qualified(owner, accessor + name), ...(isAmbiguous && { isAmbiguous }) };
  }

  #at(line: number, column: number): FoundFunction | undefined {
    const lineStart = this.#lineStarts[line - 1];
    if (lineStart === undefined) {
      return undefined;
    }
    const offset = lineStart + column - 1;
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! < offset) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return this.#starts[low] === offset ? this.#functions[low] : undefined;
  }
}

const IDENTIFIER = /^[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*$/u;

function textName({ kind, owner, original, name }: FoundFunction): string {
  return kind === 'class' ? `class ${owner?.name}` : qualified(owner, original ?? name);
}

function qualified(owner: Owner | undefined, name: string): string {
  return owner === undefined || owner.name === '' || name.includes('.') ? name : `${owner.name}.${name}`;
}

/** V8 calls `get total()` by the name `get total`. */
function withoutAccessor(name: string): string {
  return name.replace(/^[gs]et (?=.)/, '');
}

/** By the line terminators of JavaScript, as V8 counts: https://tc39.es/ecma262/#sec-line-terminators @internal */
export function lineStartsOf(text: string): Int32Array {
  const starts = [0];
  for (const { index, 0: terminator } of text.matchAll(/\r\n|[\n\r\u2028\u2029]/g)) {
    starts.push(index + terminator.length);
  }
  return Int32Array.from(starts);
}
