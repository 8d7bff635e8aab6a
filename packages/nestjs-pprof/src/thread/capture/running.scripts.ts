import { fileURLToPath } from 'node:url';
import type { RunningScript } from '../pprof/running.texts.js';
import type { Inspector } from './inspector.connection.js';

/** https://chromedevtools.github.io/devtools-protocol/v8/Debugger/#event-scriptParsed */
interface ScriptParsed {
  readonly scriptId: string;
  readonly url: string;
  readonly sourceMapURL?: string;
}

/** A script that has been loaded anew has several texts. */
const MAX_TEXTS = 4;

/**
 * The text and the map that V8 has in memory, of scripts of the main thread with these names. V8's debugger lists every script there
 * is: some 30 ms of main for the first 1000, 10 ms when asked again; and walks the heap, 0.2 s for 1.5 GB. No JavaScript runs and
 * nothing pauses, but each `await` takes some 12 ns longer for good: V8 no longer assumes that nobody watches promises.
 * https://github.com/nodejs/node/blob/main/deps/v8/src/debug/debug.cc (`Debug::UpdateState`)
 *
 * @throws {ThreadUnreachableError | InspectorUnavailableError}
 * @internal
 */
export async function runningScripts(
  inspector: Inspector,
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, readonly RunningScript[]>> {
  const nameOf = new Map([...names].flatMap((name) => namesFor(name).map((other) => [other, name])));
  const parsed = new Map<string, ScriptParsed[]>();
  return inspector.using(async (connection) => {
    connection.on<ScriptParsed>('Debugger.scriptParsed', (script) => {
      const name = namesFor(script.url).flatMap((other) => nameOf.get(other) ?? [])[0];
      if (name !== undefined) {
        parsed.set(name, [script, ...(parsed.get(name) ?? [])]);
      }
    });
    // In one go: a `debugger` statement of the application must not stop it.
    await Promise.all([
      connection.post('Debugger.enable'),
      connection.post('Debugger.setSkipAllPauses', { skip: true }),
    ]);
    const scripts = new Map<string, RunningScript[]>();
    for (const [name, found] of parsed) {
      const texts = found.slice(0, MAX_TEXTS).map(async ({ scriptId, sourceMapURL = '' }) => {
        const { scriptSource } = await connection.post<{ scriptSource: string }>('Debugger.getScriptSource', {
          scriptId,
        });
        return { text: scriptSource, sourceMapUrl: sourceMapURL };
      });
      scripts.set(name, await Promise.all(texts));
    }
    await connection.post('Debugger.disable');
    return scripts;
  });
}

/** The debugger has URLs of CommonJS modules, too, profiles their path; the addon has URLs without the scheme. */
function namesFor(name: string): string[] {
  const bare = name.replace(/^file:\/\//, '');
  try {
    return name === bare ? [name] : [bare, fileURLToPath(name)];
  } catch {
    return [bare];
  }
}
