import { dirname } from 'node:path';
import { messageOf } from '../../shared/pprof.error.js';
import type { FoundScript, Script } from './original.positions.js';
import { ScriptFunctions } from './script.functions.js';
import { isOf, reasonOf, type ScriptReader } from './script.reader.js';
import { locateMap } from './source-map.file.js';
import type { CodePosition } from './source-map.table.js';

/** A script as V8 holds it in memory. @internal */
export interface RunningScript {
  readonly text: string;
  /** Empty where it has none. */
  readonly sourceMapUrl: string;
}

/**
 * Asks V8 for the scripts that it has under these names (paths or URLs): of each all there are, the newest first. It costs the
 * application's thread something.
 *
 * @internal
 */
export type ScriptsOf = (
  names: ReadonlySet<string>,
) => Promise<ReadonlyMap<string, readonly RunningScript[]>>;

const OTHER_TEXT =
  'the text that runs is not the one on the disk (compiled as it was loaded, or written anew since)';

/** The texts that V8 has in memory, of scripts that are not what is on the disk. @internal */
export class RunningTexts {
  /** V8 is asked once at a time. */
  #asking: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly reader: ScriptReader,
    private readonly scriptsOf: ScriptsOf | undefined,
  ) {}

  /** Looks for the texts that are not known yet, and adds them to `found`. Never throws. */
  async find(
    others: ReadonlyMap<string, readonly CodePosition[]>,
    found: Map<string, FoundScript>,
  ): Promise<void> {
    this.#asking = this.#asking.then(() => this.#find(others, found));
    await this.#asking;
  }

  async #find(
    others: ReadonlyMap<string, readonly CodePosition[]>,
    found: Map<string, FoundScript>,
  ): Promise<void> {
    const unknown = new Set<string>();
    for (const [name, positions] of others) {
      const known = this.reader.cache.get(`running ${name}`);
      if (!known || (known.functions && !isOf(known, positions))) {
        unknown.add(name);
      }
    }
    let failure: string | undefined;
    if (unknown.size > 0 && this.scriptsOf) {
      try {
        const scripts = await this.scriptsOf(unknown);
        for (const name of unknown) {
          const { path } = found.get(name)!;
          const script = await this.#running(path, others.get(name)!, scripts.get(name) ?? []);
          this.reader.cache.keep(`running ${name}`, script);
        }
      } catch (error) {
        failure = `${OTHER_TEXT}, and V8 could not be asked for it: ${messageOf(error)}`;
      }
    }
    for (const name of others.keys()) {
      const { path } = found.get(name)!;
      const script = this.reader.cache.get(`running ${name}`);
      if (script?.functions && !script.unreadable) {
        found.set(name, { path, script });
      } else {
        const unreadable = failure ?? script?.unreadable ?? OTHER_TEXT;
        const functions = script?.functions && { functions: script.functions };
        found.set(name, { path, script: { version: '', ...functions, unreadable }, isOther: true });
      }
    }
  }

  async #running(
    path: string,
    positions: readonly CodePosition[],
    scripts: readonly RunningScript[],
  ): Promise<Script> {
    for (const { text, sourceMapUrl } of scripts) {
      const shifted = await this.#shifted(path, text);
      if (shifted) {
        return shifted;
      }
      const functions = new ScriptFunctions(text);
      const script: Script = { version: '', functions };
      if (!isOf(script, positions)) {
        continue;
      }
      try {
        if (!/^data:/i.test(sourceMapUrl)) {
          throw new Error(`${OTHER_TEXT}, and V8 has no map of it`);
        }
        const location = await locateMap(path, sourceMapUrl);
        const mapText = 'text' in location ? location.text : '';
        return { ...script, table: await this.reader.tableOf(mapText, path, dirname(path), functions) };
      } catch (error) {
        return { ...script, unreadable: reasonOf(error) };
      } finally {
        functions.finish();
      }
    }
    return { version: '', unreadable: `${OTHER_TEXT}, and the main thread has no such script` };
  }

  /**
   * The text on the disk, where the one that runs has only something around it (`Module.wrapper`), or its types taken out.
   */
  async #shifted(path: string, running: string): Promise<Script | undefined> {
    const text = await this.reader.textOf(path).catch(() => '');
    const offset = isStripped(text, running) ? 0 : running.indexOf(text);
    if (text.trim() === '' || offset === -1) {
      return undefined;
    }
    const before = running.slice(0, offset).split(/\r\n|[\n\r\u2028\u2029]/);
    const script = await this.reader.readScript(path);
    return { ...script, shift: { lines: before.length - 1, columns: before.at(-1)!.length } };
  }
}

/** Whether types were taken out in place: Node puts spaces there, and seldom a `;` or the `)` of an arrow function. */
function isStripped(text: string, running: string): boolean {
  if (text === '' || running.length < text.length) {
    return false;
  }
  for (let index = 0; index < text.length; index++) {
    if (text[index] !== running[index] && !/[\s;)]/.test(running[index]!)) {
      return false;
    }
  }
  return true;
}
