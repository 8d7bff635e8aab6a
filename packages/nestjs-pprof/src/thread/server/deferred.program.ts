import { readFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { compileFunction } from 'node:vm';

/**
 * A bundled CommonJS module that is read at once and evaluated later: as text it is not parsed, lies outside V8's heap, and
 * does not depend on what is on the disk by then. It shares no module with the program that loads it, so that no class of
 * the one is an instance of the other's.
 *
 * @internal
 */
export class DeferredProgram<Exports> {
  #text: Buffer | undefined;
  #exports: Exports | undefined;

  constructor(private readonly file: string) {
    this.#text = readFileSync(file);
  }

  /** The same at each call; tried again where it failed. */
  load(): Exports {
    if (this.#exports === undefined) {
      const module = { exports: {} };
      // The bundle is ASCII: V8 then keeps a byte for each character, outside its heap.
      const run = compileFunction(this.#text!.toString('latin1'), ['module', 'exports', 'require'], {
        filename: this.file,
      }) as (...args: unknown[]) => void;
      run(module, module.exports, builtinsOnly);
      this.#exports = module.exports as Exports;
      this.#text = undefined;
    }
    return this.#exports;
  }
}

const require = createRequire(process.execPath);

/** What the application has installed is not looked at, not even where Nest would take what it finds. */
function builtinsOnly(name: string): unknown {
  if (!isBuiltin(name)) {
    throw Object.assign(new Error(`Cannot find module '${name}'`), { code: 'MODULE_NOT_FOUND' });
  }
  return require(name);
}
