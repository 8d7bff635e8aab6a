import type { TimeProfileNode } from '@datadog/pprof';
import { NO_LABELS, NO_STACK, SAMPLE_LOG_COLUMNS } from '../shared/agent.protocol.js';
import { LabelSets } from './label.sets.js';

/** Of the addon's profile: its samples are told apart by their stacks alone. */
const NO_LABELS_IN_PROFILE = {};

/** Each sample by itself; a profile has sums. The addon asks for the labels of each when it writes a profile. @internal */
export class SampleLog {
  readonly #values: number[] = [];
  #written = 0;
  #node: TimeProfileNode | undefined;
  #first = 0;
  readonly labels = new LabelSets();
  cpuNanos = 0;

  /** First with each sample of a stack, then without any when these are written, as one sample of the profile. */
  readonly note = ({
    node,
    context,
  }: {
    node: TimeProfileNode;
    context?: { readonly timestamp: bigint; readonly cpuTime?: number; readonly context?: unknown };
  }) => {
    if (context === undefined) {
      for (let at = this.#first; node === this.#node && at < this.#values.length; at += SAMPLE_LOG_COLUMNS) {
        this.#values[at + 2] = this.#written;
      }
      this.#written++;
    } else if (context.timestamp > 0n) {
      // The addon's sum for other threads has no time.
      if (node !== this.#node) {
        this.#node = node;
        this.#first = this.#values.length;
      }
      const { timestamp, cpuTime = 0, context: holder } = context;
      this.#values.push(Number(timestamp), cpuTime, NO_STACK, this.labels.indexOf(holder) ?? NO_LABELS);
      this.cpuNanos += cpuTime;
    }
    return NO_LABELS_IN_PROFILE;
  };

  encode(): Uint8Array {
    return new Uint8Array(Float64Array.from(this.#values).buffer);
  }
}
