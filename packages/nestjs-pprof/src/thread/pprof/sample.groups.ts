import type { Labels } from './profile.model.js';
import type { SymbolizedSample } from './profile.symbolizer.js';

/** Samples that have one thing in common. @internal */
export interface SampleGroup {
  /** Undefined where they do not tell. */
  readonly name: string | undefined;
  readonly samples: readonly SymbolizedSample[];
  readonly value: number;
}

/** With the sum of one of their values, the largest first: in a difference also what has shrunk. @internal */
export function groupedBy(
  samples: readonly SymbolizedSample[],
  valueIndex: number,
  nameOf: (labels: Labels) => string | undefined,
): SampleGroup[] {
  const groups = new Map<string | undefined, SymbolizedSample[]>();
  for (const sample of samples) {
    const name = nameOf(sample.labels);
    const group = groups.get(name) ?? [];
    group.push(sample);
    groups.set(name, group);
  }
  return [...groups]
    .map(([name, ofGroup]) => ({
      name,
      samples: ofGroup,
      value: ofGroup.reduce((sum, { values }) => sum + (values[valueIndex] ?? 0), 0),
    }))
    .toSorted(
      (a, b) =>
        Math.abs(b.value) - Math.abs(a.value) ||
        (b.name === undefined || (a.name !== undefined && a.name < b.name) ? -1 : 1),
    );
}

/**
 * For what a sample was taken: the route (`GET /orders/:id`) or, where nobody has told, the handler that its stack shows. It is
 * what `route=` takes.
 *
 * @internal
 */
export function routeOf({ route, controller, handler }: Labels): string | undefined {
  return route ?? ([controller, handler].filter((name) => name !== undefined).join('.') || undefined);
}
