import type { LabelSet } from '../shared/agent.protocol.js';
import { LabelContext } from './label.sets.js';

/**
 * The context of one request or of several, each of which tells its labels when it ends. Where they do not tell the same, the
 * context has those of a route that is not known: no sample is under a route that it may not have been taken for.
 *
 * @internal
 */
export class RequestContext extends LabelContext {
  #ended: LabelSet | undefined;
  #isMixed = false;

  constructor() {
    super(undefined);
  }

  /** @returns whether it tells what those before it have told. */
  end(labels: LabelSet): boolean {
    this.#ended ??= labels;
    this.labels = this.#ended;
    return this.#isMixed || this.#ended === labels;
  }

  /** They do not tell the same. */
  mix(unknown: LabelSet): void {
    this.#isMixed = true;
    this.#ended = unknown;
    this.labels = unknown;
  }

  /** To what those tell that have ended. Those that have not are added then. */
  reset(): void {
    this.labels = this.#ended;
  }

  add(labels: LabelSet, unknown: LabelSet): void {
    this.labels = this.labels === undefined || this.labels === labels ? labels : unknown;
  }
}
