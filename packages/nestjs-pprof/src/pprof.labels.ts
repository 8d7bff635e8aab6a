import { labelled, type Method } from './main/label.sets.js';

/**
 * Names and values of labels. A name has letters, digits and `_`, and does not begin with a digit; what a profile cannot hold is
 * left out of it, which its comments say.
 */
export type PprofLabelValues = Readonly<Record<string, string | number | boolean>>;

/**
 * Labels the CPU samples that are taken while a method runs, and all that it calls: `PprofService.withLabels` as a decorator.
 *
 * @example
 * \@PprofLabels({ job: 'nightly-report' })
 * async build(): Promise<Report> { … }
 */
export function PprofLabels(labels: PprofLabelValues): MethodDecorator {
  return (_, name, descriptor) => {
    const { value } = descriptor;
    if (typeof value !== 'function') {
      throw new TypeError(`@PprofLabels labels methods, and "${String(name)}" is none`);
    }
    descriptor.value = labelled(value as Method, labels) as typeof value;
  };
}
