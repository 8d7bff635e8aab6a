import type { Script } from './original.positions.js';

const BYTES_PER_ENTRY = 512;

/** Scripts that are kept for the next profile, as many as fit; the longest unused goes first. @internal */
export class ScriptCache {
  readonly #scripts = new Map<string, Script>();
  #bytes = 0;

  constructor(private readonly maxBytes: number) {}

  get(key: string): Script | undefined {
    return this.#scripts.get(key);
  }

  keep(key: string, script: Script): void {
    this.#drop(key);
    this.#scripts.set(key, script);
    this.#bytes += sizeOf(script);
    for (const oldest of this.#scripts.keys()) {
      if (this.#bytes <= this.maxBytes) {
        break;
      }
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const script = this.#scripts.get(key);
    if (script) {
      this.#scripts.delete(key);
      this.#bytes -= sizeOf(script);
    }
  }
}

function sizeOf({ table, functions }: Script): number {
  return BYTES_PER_ENTRY + (table?.byteLength ?? 0) + (functions?.byteLength ?? 0);
}
