import type { AsyncLocalStorage } from 'node:async_hooks';
import { messageOf, tried } from '../shared/pprof.error.js';
import type { Addon } from './profiler.addon.js';
import { LabelFrames } from './label.frames.js';
import { LabelContext, labelScope } from './label.sets.js';
import type { RequestLabels } from './request.labels.js';

const REMEDY =
  'Node 24 and later have them, and Node 22 with --experimental-async-context-frame. Handlers are labelled where the stack shows them';

/**
 * Labels the samples of the main thread by the async context in which they are taken, while samples with labels are asked for:
 * before and after that nothing is subscribed to.
 *
 * @internal
 */
export class SampleLabels {
  #begun = false;
  /** Why there can be none; null where there can, undefined where nobody has tried. */
  #missing: string | null | undefined;

  constructor(
    private readonly requests: RequestLabels,
    private readonly onMissing: (reason: string) => void,
  ) {}

  get missing(): string | null {
    return this.#missing ?? null;
  }

  /** The sampler could not be started with contexts. */
  refuse(error: unknown): void {
    this.#refuse(`@datadog/pprof cannot hold them here: ${messageOf(error)}`);
  }

  /**
   * Never throws, nor do the others: the sampler would run on for nobody.
   *
   * @param time with its sampler started, with contexts
   * @param storage that of the sampler, if that is known
   */
  begin(time: Addon['time'], storage: AsyncLocalStorage<unknown> | undefined): void {
    if (this.#begun || this.#missing) {
      return;
    }
    try {
      const { AsyncLocalStorage } = process.getBuiltinModule('node:async_hooks');
      const frames: AsyncLocalStorage<unknown> = new AsyncLocalStorage();
      if (this.#missing === undefined && !hasContexts(time, frames)) {
        this.#refuse('this Node has no async context frames, or they are switched off');
        return;
      }
      this.#missing = null;
      this.requests.start(new LabelFrames(time, storage ?? frames));
      labelScope().run = (labels, task) => runWithin(time, labels, task);
      this.#begun = true;
    } catch (error) {
      this.requests.stop();
      this.#refuse(`requests cannot be labelled here: ${messageOf(error)}`);
    }
  }

  end(): void {
    if (this.#begun) {
      this.#begun = false;
      this.requests.stop();
      delete labelScope().run;
    }
  }

  /** Fills in what is known so far. */
  settle(): void {
    tried(() => this.requests.settle());
  }

  #refuse(reason: string): void {
    this.#missing = `${reason.replace(/\.$/, '')}. ${REMEDY}`;
    this.onMissing(this.#missing);
  }
}

/** Without labels where somebody else has ended the sampler, or started it anew, or where the labels cannot be read. */
function runWithin<R>(time: Addon['time'], labels: Readonly<Record<string, unknown>>, task: () => R): R {
  let hasBegun = false;
  try {
    const outer: unknown = time.getContext();
    const context =
      outer instanceof LabelContext ? outer.within(labels) : new LabelContext(undefined, { ...labels });
    return time.runWithContext(context, () => {
      hasBegun = true;
      return task();
    });
  } catch (error) {
    if (hasBegun) {
      throw error;
    }
    return task();
  }
}

/** Some Nodes take a context and forget it. */
function hasContexts(time: Addon['time'], frames: AsyncLocalStorage<unknown>): boolean {
  try {
    return frames.run(true, () => {
      const context = new LabelContext(undefined);
      time.setContext(context);
      return time.getContext() === context;
    });
  } catch {
    return false;
  } finally {
    // Where there are no frames, it has switched hooks on that cost every promise.
    frames.disable();
  }
}
