import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { rowsOf } from '../../../test-fixtures/exhaustive.js';
import { ScriptFunctions } from './script.functions.js';

/** A function of the text: V8 puts it at the `¦`. */
function at(marked: string, functionName: string, isTypeScript = false) {
  const offset = marked.indexOf('¦');
  const before = marked.slice(0, offset).split('\n');
  const functions = new ScriptFunctions(marked.replace('¦', ''), isTypeScript).finish();
  return { functions, position: { functionName, line: before.length, column: before.at(-1)!.length + 1 } };
}

describe('ScriptFunctions, where V8 says that a function starts', () => {
  // Seen on Node 20, 24 and 26.
  it.each([
    ['function run¦(a, b) {}', 'run'],
    ['async function run¦() {}', 'run'],
    ['function* run¦() {}', 'run'],
    ['const run = ¦(a) => {};', 'run'],
    ['const run = ¦a => a;', 'run'],
    ['const run = ¦async (a) => {};', 'run'],
    ['const run = ¦async a => {};', 'run'],
    ['const run = function ¦() {};', 'run'],
    ['const run = ¦(a = (1, 2), { b } = { b: 2 }) => {};', 'run'],
    ['class A { run¦() {} }', 'run'],
    ['class A { #run¦() {} }', '#run'],
    ['class A { get run¦() {} }', 'get run'],
    ['class A { static async run¦() {} }', 'run'],
    ['class A { constructor¦(x) {} }', 'A'],
    ["class A { ['run' + 1]¦() {} }", ''],
    ["class A { 'run it'¦() {} }", 'run it'],
    ['class A { catch¦(e) {} }', 'catch'],
    ['x; ¦class A { y = 1 }', 'A'],
    ['const o = { run¦() {} };', 'run'],
    ['exports.run = function ¦() {};', 'exports.run'],
    ['list.map(¦(x) => x);', ''],
    ['`${list.map(¦(x) => `${x}`)}`', ''],
    ['a = b / c; d = /[/({]/.test(e); function run¦() {}', 'run'],
    ['if (x) /}/.test(y); function run¦() {}', 'run'],
    ["// (\n/* { */ \"}\" + '\\'('; function run¦() {}", 'run'],
    ['#!/usr/bin/env node (\nfunction run¦() {}', 'run'],
  ])('finds one in %s', (marked, name) => {
    const { functions, position } = at(marked, name);
    expect(functions.has(position)).toBe(true);
  });

  it('reads what is one long word, such as data in a bundle, once', () => {
    const { functions, position } = at(
      `const data = { "name": "${'A'.repeat(1e6)}" }; function run¦() {}`,
      'run',
    );
    expect(functions.has(position)).toBe(true);
  });

  it.each([
    ['if¦(a) { b }', ''],
    ['for¦(const a of b) { c }', ''],
    ['run¦(a, b);', 'run'],
    ['function ¦run() {}', 'run'],
    ['¦const run = () => {};', 'run'],
    ['class A { other¦() {} }', 'run'],
    ['function other¦() {}', 'run'],
  ])('finds none in %s', (marked, name) => {
    const { functions, position } = at(` ${marked}`, name);
    expect(functions.has(position)).toBe(false);
  });

  it.each([
    ['export function run¦(ms: number): Promise<void> {}', 'run'],
    ['class A { run¦(a: { b: string }): { c: number } {} }', 'run'],
    ['const run = ¦(a: string): string => a;', 'run'],
    ['class A { private run¦(): void {} }', 'run'],
  ])('finds one in TypeScript whose types are stripped in place: %s', (marked, name) => {
    const { functions, position } = at(marked, name, true);
    expect(functions.has(position)).toBe(true);
  });

  it('tells nothing by what is no function, or where it has lost its way', () => {
    const { functions } = at('class A { x = ¦1 }', '');
    expect(functions.has({ functionName: '', line: 1, column: 1 })).toBeUndefined();
    expect(functions.has({ functionName: '<static_initializer>', line: 1, column: 5 })).toBeUndefined();
    expect(functions.has({ functionName: 'A', line: 1, column: 11 })).toBeUndefined();
    expect(functions.has({ functionName: 'x', line: 0, column: 0 })).toBeUndefined();
    const broken = new ScriptFunctions('function run() { (').finish();
    expect(broken.has({ functionName: 'run', line: 1, column: 2 })).toBeUndefined();
  });

  // An independent parser agrees, in all kinds of code, megabytes of it in the exhaustive ones.
  const LIBRARIES = [
    'typescript/lib/typescript.js',
    'typescript/lib/_tsc.js',
    'typescript/lib/_tsserver.js',
    'rxjs',
  ];
  it.each(rowsOf('finds all of', LIBRARIES, (file) => /_tsserver|rxjs/.test(file)))(
    'finds all of %s',
    (file) => {
      const text = readFileSync(createRequire(import.meta.url).resolve(file), 'utf8');
      const source = ts.createSourceFile('a.js', text, ts.ScriptTarget.ESNext, true, ts.ScriptKind.JS);
      const functions = new ScriptFunctions(text).finish();
      const missed: string[] = [];
      let count = 0;
      const visit = (node: ts.Node): void => {
        if (ts.isFunctionLike(node) && 'body' in node && node.body) {
          const start = ts.isArrowFunction(node)
            ? node.getStart()
            : text.indexOf('(', node.name?.end ?? node.getStart());
          const { line, character } = source.getLineAndCharacterOfPosition(start);
          const functionName = node.name && ts.isIdentifier(node.name) ? node.name.text : '';
          count++;
          if (functions.has({ functionName, line: line + 1, column: character + 1 }) === false) {
            missed.push(`${line + 1}:${character + 1} ${functionName}`);
          }
        }
        node.forEachChild(visit);
      };
      visit(source);
      expect(count).toBeGreaterThan(0);
      expect(missed).toEqual([]);
    },
    120_000,
  );
});

describe('ScriptFunctions, names', () => {
  it.each([
    ['class CreateOrder { execute¦() {} }', 'execute', 'CreateOrder.execute'],
    ['class CreateOrder extends mixin({ a() {} }) { execute¦() {} }', 'execute', 'CreateOrder.execute'],
    ['let Orders = class { static find¦() {} }', 'find', 'Orders.find'],
    ['class Orders { handle = ¦() => {} }', 'handle', 'Orders.handle'],
    ['class Orders { get total¦() {} }', 'get total', 'Orders.get total'],
    ['class Orders { constructor¦() {} }', 'Orders', 'Orders'],
    ['class Orders { a() { return { execute¦() {} } } }', 'execute', 'execute'],
    ['class Orders { a() { const execute = ¦() => {} } }', 'execute', 'execute'],
    ['const f = class { execute() { } }; function run¦() {}', 'run', 'run'],
  ])('a method has its class: %s', (marked, v8Name, shown) => {
    const { functions, position } = at(marked, v8Name);
    expect(functions.nameAt(position)).toEqual({ functionName: shown });
  });

  it('says which another function of the file has, too', () => {
    const text = 'const a = { get() {} }; const b = { get¦() {} }; function other() {}';
    const { functions, position } = at(text, 'get');
    expect(functions.nameAt(position)).toEqual({ functionName: 'get', isAmbiguous: true });
    const { line } = position;
    const other = { functionName: 'other', line, column: text.replace('¦', '').indexOf('other()') + 6 };
    expect(functions.nameAt(other)).toEqual({ functionName: 'other' });
  });

  it('does not count what bundlers export a function with', () => {
    const esbuild = '__export(a, { run: () => run }); function run¦() {}';
    const swc = '_export(exports, { run: function() { return run; } }); function run¦() {}';
    for (const text of [esbuild, swc]) {
      const { functions, position } = at(text, 'run');
      expect(functions.nameAt(position)).toEqual({ functionName: 'run' });
    }
  });

  const KEEP = 'var d=Object.defineProperty;var n=(e,t)=>d(e,"name",{value:t,configurable:!0});';
  const KEEP_READABLE =
    'var __defProp = Object.defineProperty;\nvar __name = (target, value) => __defProp(target, "name", { value, configurable: true });\n';
  it.each([
    [`${KEEP_READABLE}var x = __name(¦(a) => a, "roundPrice");`, '', 'roundPrice'],
    [`${KEEP}var x=n(¦a=>{f(a,"other")},"roundPrice");`, '', 'roundPrice'],
    [`${KEEP}var x=n(function¦(a){},"roundPrice");`, '', 'roundPrice'],
    [`${KEEP}function t¦(a){}n(t,"roundPrice");`, 't', 'roundPrice'],
    [`${KEEP}var t=class{static{n(this,"Orders")}find¦(){}};`, 'find', 'Orders.find'],
    [`${KEEP}on(¦(a)=>a,"event");`, '', ''],
    [`on(¦(a)=>a,"event");`, '', ''],
  ])('esbuild has kept is found in %s', (marked, v8Name, shown) => {
    const { functions, position } = at(marked, v8Name);
    expect(functions.nameAt(position).functionName).toBe(shown);
  });
});

describe('ScriptFunctions, the URL of the map', () => {
  it.each([
    ['run();\n//# sourceMappingURL=a.map', 'a.map'],
    ['//# sourceMappingURL=a.map\nrun();\n/*\n * A licence\n */', 'a.map'],
    ['//# sourceMappingURL=a.map\nrun("//# sourceMappingURL=b.map");', 'a.map'],
    ['//# sourceMappingURL=a.map\n//# sourceMappingURL=b.map', 'b.map'],
    ['run(`\n//# sourceMappingURL=b.map\n`)', undefined],
    ['//# sourceMappingURL=a b', undefined],
    ['//# sourceMappingURL=a.map\n/*\n//# sourceMappingURL=b.map\n*/', 'a.map'],
    ['//# sourceMappingURL=a.map\n// not //# sourceMappingURL=b.map', 'a.map'],
    // Where the brackets do not come out even, by the lines.
    ['run(\n//# sourceMappingURL=a.map', 'a.map'],
  ])('in %j is %s', (text, url) => {
    expect(new ScriptFunctions(text).sourceMapUrl).toBe(url);
  });
});
