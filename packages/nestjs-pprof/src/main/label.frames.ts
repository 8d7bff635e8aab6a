import type { AsyncLocalStorage } from 'node:async_hooks';
import type { LabelContext } from './label.sets.js';
import type { Addon } from './profiler.addon.js';

/** What holds a context in the async contexts of Node; only the addon makes some. @internal */
export type Holder = object;

/** Gives the async context that runs, and all that it brings about, the context of labels. @internal */
export interface Frames {
  /** Of the sampler; another after each sample. */
  readonly sampleCount: number;
  /** @returns what enters the same context again, at a fraction of the cost; undefined where that cannot be had. */
  enter(context: LabelContext): Holder | undefined;
  enterAgain(holder: Holder): void;
}

/**
 * By the sampler of the addon. `time.setContext` makes a native object with two handles for each call, of which the collector
 * pays the most; the addon looks for that object in the storage that it makes when it starts, wherever it has been put.
 * https://github.com/DataDog/pprof-nodejs/blob/main/bindings/profilers/wall.cc (`CreateContextHolder`)
 *
 * @internal
 */
export class LabelFrames implements Frames {
  readonly #state: Readonly<Record<number, number>>;
  readonly #count: number;

  /** @param storage that of the sampler, else one of one's own: without a frame there is nothing to hold a context. */
  constructor(
    private readonly time: Addon['time'],
    private readonly storage: AsyncLocalStorage<unknown>,
  ) {
    this.#state = time.getState() as Readonly<Record<number, number>>;
    this.#count = time.constants.kSampleCount as number;
  }

  get sampleCount(): number {
    return this.#state[this.#count] ?? 0;
  }

  enter(context: LabelContext): Holder | undefined {
    this.storage.enterWith(null);
    this.time.setContext(context);
    return (this.storage.getStore() as Holder | null) ?? undefined;
  }

  enterAgain(holder: Holder): void {
    this.storage.enterWith(holder);
  }
}

/**
 * Starts the sampler of the addon, which keeps its storage to itself: for as long as that takes, the class is one that remembers
 * what has been made of it. Nothing else runs meanwhile.
 *
 * @returns undefined where Node's class cannot be replaced.
 * @internal
 */
export function storageMadeBy(start: () => void): AsyncLocalStorage<unknown> | undefined {
  const hooks = process.getBuiltinModule('node:async_hooks');
  const name = 'AsyncLocalStorage';
  const original = Object.getOwnPropertyDescriptor(hooks, name);
  let made: AsyncLocalStorage<unknown> | undefined;
  const value = new Proxy(hooks[name], {
    construct: (target) => (made = new target()),
  });
  const isReplaced =
    original?.configurable === true &&
    Reflect.defineProperty(hooks, name, { value, enumerable: true, configurable: true });
  try {
    start();
  } finally {
    if (isReplaced) {
      Reflect.defineProperty(hooks, name, original);
    }
  }
  return made;
}
