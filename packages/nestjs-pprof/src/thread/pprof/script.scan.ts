import { annotationIn, flat } from './source-map.file.js';

/** A class. @internal */
export interface Owner {
  /** As in the text. */
  readonly generated: string;
  name: string;
}

/** @internal */
export interface FoundFunction {
  readonly start: number;
  readonly kind: 'function' | 'class';
  /** Whether V8 must have that very name; else it may have made up one of its own. */
  readonly isNamed: boolean;
  readonly name: string;
  readonly owner: Owner | undefined;
  /** Whether it does nothing but give a variable, as bundlers export it. */
  readonly isGetter?: true;
  /** By the map, or by a call that keeps the name for the program. */
  original?: string;
}

interface Token {
  readonly type: 'name' | 'number' | 'text' | 'sign';
  readonly start: number;
  readonly end: number;
}

interface Bracket {
  readonly open: '(' | '[' | '{' | '${';
  readonly start: number;
  /** The tokens before it, the nearest first. */
  readonly before: readonly Token[];
  /** Of the body of a class, which class; of any other, undefined. */
  readonly body?: Owner | undefined;
  /** Braces of an object, after which a slash divides. */
  readonly isValue: boolean;
  /** Of a call: the function that is its first argument. */
  firstArgument?: FoundFunction;
}

interface PendingClass {
  readonly start: number;
  readonly depth: number;
  readonly owner: Owner;
}

const CONTROL = new Set(['if', 'for', 'while', 'with', 'switch', 'catch', 'await']);
/** After these an operand follows, so a slash begins a regular expression and a brace an object. */
const BEFORE_OPERAND = new Set(
  'return typeof case in of instanceof new delete void throw yield await default extends'.split(' '),
);
const BEFORE_BLOCK = new Set(['else', 'do', 'try', 'finally', 'static', 'of', 'in']);
const NO_TOKEN: Token = { type: 'sign', start: -1, end: -1 };
const SIGNS = new RegExp(/=>|\.\.\.|\?\.(?!\d)|&&=?|\|\|=?|\?\?=?|\+\+|--|[^]/y);
const WORD = /[\p{ID_Start}$_#\\][\\\p{ID_Continue}$\u200c\u200d]*/uy;
const NUMBER = /\.?\d(?:[eE][+-]|[\w.])*/y;
const REGEX = /\/(?:[^\\/[\n\r]|\\.|\[(?:[^\\\]\n\r]|\\.)*\])+\/[a-z]*/y;
const GETTER = /\s*(?:\{\s*return\s+[\w$.]+;?\s*\}|[\w$.]+\s*[,})])/y;
const SPACE = /(?:[\s\uFEFF]|\/\/[^\n\r\u2028\u2029]*|\/\*[^]*?\*\/)+/y;
const TEMPLATE = /(?:[^`\\$]|\\[^]|\$(?!\{))*(?:`|\$\{)/y;
/** What a token begins with, by its character code: a name, a sign of that character alone, or something to look at. */
const [OTHER, NAME, SIGN] = [0, 1, 2];
const KINDS = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return /[A-Za-z$_#]/.test(character) ? NAME : /[(){}[\];,:~@]/.test(character) ? SIGN : OTHER;
});
/**
 * What esbuild's `keepNames` puts in, under whatever name: https://esbuild.github.io/api/#keep-names
 * From the beginning of a word only: else one of a megabyte, such as data in a bundle, takes the square of its length.
 */
const KEEPS_NAMES =
  /(?<![\w$])([\w$]+)\s*=\s*\(([\w$]+),\s*([\w$]+)\)\s*=>\s*[\w$.]+\(\2,\s*"name",\s*\{\s*value(?::\s*\3)?,\s*configurable:\s*(?:true|!0)\s*\}\)/g;

/**
 * The functions of a text: one pass that follows brackets, strings, templates, regular expressions and comments. A syntax
 * tree of a bundle would take hundreds of megabytes. Where the brackets do not come out even, nothing is claimed.
 *
 * @internal
 */
export class ScriptScan {
  readonly functions: FoundFunction[] = [];
  readonly owners: Owner[] = [];
  readonly named = new Map<number, FoundFunction | Owner>();
  isEven = true;
  sourceMapUrl: string | undefined;
  readonly #brackets: Bracket[] = [];
  readonly #pending: PendingClass[] = [];
  readonly #declared = new Map<string, FoundFunction | Owner>();
  readonly #keepers: ReadonlySet<string>;
  /** The last few, the nearest first. */
  #last: readonly [Token, Token, Token, Token] | readonly [] = [];
  /** The bracket that the last token has closed. */
  #closed: Bracket | undefined;
  #position = 0;

  constructor(
    private readonly text: string,
    private readonly isTypeScript: boolean,
  ) {
    this.#keepers = new Set(
      text.includes('"name"') ? [...text.matchAll(KEEPS_NAMES)].map(([, name = '']) => name) : [],
    );
    if (text.startsWith('#!')) {
      this.#position = text.search(/[\n\r\u2028\u2029]|$/);
    }
    while (this.isEven && this.#skipSpace() < text.length) {
      this.#token();
    }
    this.isEven &&= this.#brackets.length === 0;
  }

  #skipSpace(): number {
    let code = this.text.charCodeAt(this.#position);
    while (code === 0x20 || code === 0x0a) {
      code = this.text.charCodeAt(++this.#position);
    }
    // Other space, and comments.
    if (code < 0x20 || code === 0x2f || code > 0x7f) {
      this.sourceMapUrl = annotationIn(this.#match(SPACE) ?? '') ?? this.sourceMapUrl;
    }
    return this.#position;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position;
    const match = pattern.exec(this.text)?.[0];
    this.#position += match?.length ?? 0;
    return match;
  }

  #token(): void {
    const start = this.#position;
    const code = this.text.charCodeAt(start);
    const kind = code < 128 ? KINDS[code] : OTHER;
    if (kind === SIGN) {
      this.#position++;
      this.#sign(this.text[start]!, start);
    } else if (kind === NAME && this.#match(WORD) !== undefined) {
      this.#word(start);
    } else if (code === 0x22 || code === 0x27) {
      this.#skipString(this.text[start]!);
      this.#push('text', start);
    } else if (code === 0x60) {
      this.#position++;
      this.#skipTemplate(start);
    } else if (code === 0x2f && this.#isOperandNext() && this.#match(REGEX) !== undefined) {
      this.#push('text', start);
    } else if (this.#match(NUMBER) !== undefined) {
      this.#push('number', start);
    } else if (this.#match(WORD) !== undefined) {
      this.#word(start);
    } else {
      this.#sign(this.#match(SIGNS)!, start);
    }
  }

  #push(type: Token['type'], start: number): void {
    this.#closed = undefined;
    const [first = NO_TOKEN, second = NO_TOKEN, third = NO_TOKEN] = this.#last;
    this.#last = [{ type, start, end: this.#position }, first, second, third];
  }

  #textOf({ start, end }: Token): string {
    return this.text.slice(start, end);
  }

  #skipString(quote: string): void {
    for (let at = this.#position + 1; at < this.text.length; at++) {
      const character = this.text[at];
      if (character === '\\') {
        at++;
      } else if (character === quote || character === '\n') {
        this.#position = at + 1;
        return;
      }
    }
    this.#position = this.text.length;
  }

  /** To its end, or to the expression in it. */
  #skipTemplate(start: number): void {
    const part = this.#match(TEMPLATE);
    if (part === undefined) {
      this.isEven = false;
    } else if (part.endsWith('`')) {
      this.#push('text', start);
    } else {
      this.#open('${', start);
    }
  }

  #isOperandNext(): boolean {
    const [last] = this.#last;
    if (!last) {
      return true;
    }
    if (last.type === 'name') {
      return BEFORE_OPERAND.has(this.#textOf(last)) && !this.#isDot(this.#last[1]);
    }
    if (last.type !== 'sign') {
      return false;
    }
    const sign = this.#textOf(last);
    if (sign === ')') {
      return this.#closed !== undefined && this.#isControl(this.#closed);
    }
    return sign === '}' ? this.#closed?.isValue === false : sign !== ']' && sign !== '++' && sign !== '--';
  }

  #word(start: number): void {
    this.#push('name', start);
    if (this.text.slice(start, this.#position) !== 'class' || this.#isDot(this.#last[1])) {
      return;
    }
    SPACE.lastIndex = this.#position;
    const gap = SPACE.exec(this.text)?.[0].length ?? 0;
    WORD.lastIndex = this.#position + gap;
    const next = WORD.exec(this.text)?.[0] ?? '';
    if (next === '' && this.text[this.#position + gap] !== '{') {
      return;
    }
    const [, assignment, target] = this.#last;
    const isNamed = next !== '' && next !== 'extends' && next !== 'implements';
    const isAssigned = !isNamed && this.#isAssignment(assignment) && target?.type === 'name';
    const name = isNamed ? next : isAssigned ? this.#textOf(target) : '';
    const owner: Owner = { generated: flat(name), name: flat(name) };
    this.owners.push(owner);
    if (name !== '') {
      this.named.set(isNamed ? this.#position + gap : target!.start, owner);
      this.#declared.set(name, owner);
    }
    this.#pending.push({ start, depth: this.#brackets.length, owner });
  }

  #isAssignment(token: Token | undefined): boolean {
    return token !== undefined && ['=', ':'].includes(this.#textOf(token));
  }

  #sign(sign: string, start: number): void {
    if (sign === '(' || sign === '[' || sign === '{') {
      this.#open(sign, start);
    } else if (sign === ')' || sign === ']' || sign === '}') {
      this.#close(sign, start);
    } else {
      if (sign === '=>') {
        this.#arrow();
      }
      this.#push('sign', start);
    }
  }

  #open(open: Bracket['open'], start: number): void {
    const before = this.#last;
    let body: Owner | undefined;
    if (open === '{' && this.#pending.at(-1)?.depth === this.#brackets.length) {
      const pending = this.#pending.pop()!;
      body = pending.owner;
      this.#add({ start: pending.start, kind: 'class', isNamed: false, name: '', owner: body });
    }
    const isValue = open === '{' && body === undefined && this.#isObjectNext();
    this.#brackets.push({ open, start, before, body, isValue });
    this.#push('sign', start);
  }

  #isObjectNext(): boolean {
    const [last] = this.#last;
    if (!last || last.type === 'number' || last.type === 'text') {
      return false;
    }
    const text = this.#textOf(last);
    if (last.type === 'name') {
      return BEFORE_OPERAND.has(text) && !BEFORE_BLOCK.has(text);
    }
    const inBlock = this.#brackets.at(-1)?.open !== '(' && this.#brackets.at(-1)?.isValue === false;
    return text === ':' ? !inBlock : ![')', '}', ';', '{', '=>'].includes(text);
  }

  #close(sign: string, start: number): void {
    const bracket = this.#brackets.pop();
    const open = bracket?.open;
    if (
      !bracket ||
      (sign === ')' ? open !== '(' : sign === ']' ? open !== '[' : open !== '{' && open !== '${')
    ) {
      this.isEven = false;
      return;
    }
    if (open === '${') {
      this.#skipTemplate(bracket.start);
      return;
    }
    if (open === '(') {
      this.#endOfCall(bracket);
    }
    this.#push('sign', start);
    this.#closed = bracket;
    if (open === '(') {
      this.#maybeParameters(bracket);
    }
  }

  #isControl({ before: [keyword, dot] }: Bracket): boolean {
    return keyword?.type === 'name' && CONTROL.has(this.#textOf(keyword)) && !this.#isDot(dot);
  }

  /** `function name(…) {` and `name(…) {`; in TypeScript also `name(…): type {`. */
  #maybeParameters(bracket: Bracket): void {
    const next = this.text[this.#skipSpace()];
    if (next !== '{' && !(this.isTypeScript && next === ':')) {
      return;
    }
    const parent = this.#brackets.at(-1);
    const isMemberLevel = parent?.body !== undefined || parent?.isValue === true;
    if (this.#isControl(bracket) && !isMemberLevel) {
      return;
    }
    const [name = NO_TOKEN, ...others] = bracket.before;
    const [before = NO_TOKEN, further = NO_TOKEN] = others;
    if (this.#isFunction(name, before)) {
      const beforeKeyword = this.#textOf(name) === '*' ? others.slice(1) : others;
      const isAsync = beforeKeyword[0] !== undefined && this.#textOf(beforeKeyword[0]) === 'async';
      this.#addAssigned(bracket.start, isAsync ? beforeKeyword.slice(1) : beforeKeyword);
    } else if (this.#isFunction(before, further)) {
      this.#declare(bracket.start, name);
    } else if (name.type === 'name' || name.type === 'text' || name.type === 'number') {
      const text = this.#textOf(name).replace(/^(['"])(.*)\1$/s, '$2');
      const isConstructor = text === 'constructor' && parent?.body !== undefined;
      const found = this.#add({
        start: bracket.start,
        kind: 'function',
        isNamed: name.type === 'name' && !isConstructor && !text.includes('\\'),
        name: isConstructor ? parent.body!.generated : flat(text),
        owner: parent?.body,
      });
      if (!isConstructor) {
        this.named.set(name.start, found);
      }
    } else if (this.#textOf(name) === ']' || this.isTypeScript) {
      this.#add({ start: bracket.start, kind: 'function', isNamed: false, name: '', owner: parent?.body });
    }
  }

  /** `function`, or the `*` behind it. */
  #isFunction(token: Token, before: Token): boolean {
    const text = this.#textOf(token);
    return text === 'function' || (text === '*' && this.#textOf(before) === 'function');
  }

  #declare(start: number, name: Token): void {
    const text = flat(this.#textOf(name));
    const isNamed = !text.includes('\\');
    const found = this.#add({ start, kind: 'function', isNamed, name: text, owner: undefined });
    this.named.set(name.start, found);
    this.#declared.set(text, found);
  }

  #arrow(): void {
    const [last = NO_TOKEN, ...before] = this.#last;
    const parameters = this.#closed?.open === '(' ? this.#closed : undefined;
    if (!parameters && last.type !== 'name') {
      // `(x): type => …`: the parenthesis has been taken for one already.
      return;
    }
    const others = parameters ? parameters.before : before;
    const isAsync =
      others[0]?.type === 'name' && this.#textOf(others[0]) === 'async' && !this.#isDot(others[1]);
    const start = isAsync ? others[0]!.start : (parameters?.start ?? last.start);
    this.#addAssigned(start, isAsync ? others.slice(1) : others);
  }

  /** What comes behind it is the name of a member. */
  #isDot(token: Token | undefined): boolean {
    return token !== undefined && ['.', '?.'].includes(this.#textOf(token));
  }

  /** A function without a name of its own, with what stands before it: `name =`, `name:`, or the call that it goes to. */
  #addAssigned(start: number, before: readonly Token[]): void {
    const [assignment, target] = before;
    const isAssigned = this.#isAssignment(assignment) && target?.type === 'name';
    const parent = this.#brackets.at(-1);
    const found = this.#add({
      start,
      kind: 'function',
      isNamed: false,
      name: isAssigned ? flat(this.#textOf(target)) : '',
      owner: isAssigned ? parent?.body : undefined,
    });
    if (isAssigned) {
      this.named.set(target.start, found);
    } else if (parent?.open === '(' && assignment?.start === parent.start) {
      parent.firstArgument = found;
    }
  }

  #add(found: FoundFunction): FoundFunction {
    GETTER.lastIndex = this.#position;
    const added =
      found.kind === 'function' && GETTER.test(this.text) ? { ...found, isGetter: true as const } : found;
    this.functions.push(added);
    return added;
  }

  /** `__name((x) => …, "roundPrice")`, `__name(t, "roundPrice")`, and in a class `__name(this, "Orders")`. */
  #endOfCall({ before: [callee], firstArgument, start }: Bracket): void {
    if (this.#keepers.size === 0 || callee?.type !== 'name' || !this.#keepers.has(this.#textOf(callee))) {
      return;
    }
    const [name, comma, argument, open] = this.#last;
    if (name?.type !== 'text' || !comma || this.#textOf(comma) !== ',') {
      return;
    }
    const original = flat(this.#textOf(name).slice(1, -1));
    const isPlain = argument?.type === 'name' && open?.start === start;
    const text = isPlain ? this.#textOf(argument) : '';
    const named = isPlain
      ? text === 'this'
        ? this.#brackets.findLast(({ body }) => body)?.body
        : this.#declared.get(text)
      : firstArgument;
    if (named && 'start' in named) {
      named.original = original;
    } else if (named) {
      named.name = original;
    }
  }
}
