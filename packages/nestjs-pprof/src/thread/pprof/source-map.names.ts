const IDENTIFIER = String.raw`[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*`;

/** `function t(`: V8 puts the function at the parenthesis. */
const DECLARED = new RegExp(String.raw`(?<=\bfunction\b\s*\*?\s*)(${IDENTIFIER})\s*(?=\()`, 'uy');

/** `t=(e)=>`, `t=e=>`, `t=async e=>`: at the first character of the arrow; `t=function(`: at the parenthesis. */
const ASSIGNED = new RegExp(
  String.raw`(${IDENTIFIER})\s*=\s*` +
    String.raw`(?:(?:async\b\s*)?function\b\s*\*?\s*(?=\()|(?=(?:async\b\s*)?(?:\(|${IDENTIFIER}\s*=>)))`,
  'uy',
);

/** The line terminators of JavaScript, by which V8 counts lines: https://tc39.es/ecma262/#sec-line-terminators */
const LINE_TERMINATOR = /\r\n|[\n\r\u2028\u2029]/;

/** Rough memory of one entry, for the limit of the cache. */
const BYTES_PER_NAME = 120;

/**
 * The functions that a minifier renamed, by the place where V8 puts them and the name they have there.
 *
 * A map gives a name to a token, not to a function: the token at the start of `x=>…` is its parameter. So a
 * name counts only where the generated text shows that the token names the function. That is worked out while
 * the map is read, so that neither the text nor the names need to be kept. Constructors of renamed classes keep
 * the short name: V8 puts them at `constructor(`, any distance from the name.
 *
 * @internal
 */
export class RenamedFunctions {
  readonly #names = new Map<string, string>();
  /** Needed only until all names are added. */
  #lines: string[] | undefined;

  constructor(generatedText: string) {
    this.#lines = generatedText.split(LINE_TERMINATOR);
  }

  get byteLength(): number {
    return this.#names.size * BYTES_PER_NAME;
  }

  /** The map says that the token at this place (0-based) was called `original`. */
  add(line: number, column: number, original: string): void {
    const text = this.#lines?.[line];
    if (text === undefined || !isIdentifier(original)) {
      return;
    }
    for (const pattern of [DECLARED, ASSIGNED]) {
      pattern.lastIndex = column;
      const generated = pattern.exec(text)?.[1];
      if (generated !== undefined && generated !== original) {
        this.#names.set(key(line, pattern.lastIndex, generated), original);
      }
    }
  }

  /** All names are added. */
  finish(): void {
    this.#lines = undefined;
  }

  /** The original name of the function that V8 calls `generated`, at this place (0-based). */
  original(line: number, column: number, generated: string): string | undefined {
    return this.#names.get(key(line, column, generated));
  }
}

function key(line: number, column: number, name: string): string {
  return `${line}:${column}:${name}`;
}

const WHOLE_IDENTIFIER = new RegExp(`^${IDENTIFIER}$`, 'u');

function isIdentifier(name: string): boolean {
  return WHOLE_IDENTIFIER.test(name);
}
