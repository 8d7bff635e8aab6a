import type { CodePosition } from './source-maps.js';

/** One value that each sample carries, in pprof's terms, for example `cpu` in `nanoseconds`. @internal */
export interface ValueType {
  readonly type: string;
  readonly unit: string;
}

/** @internal */
export type Labels = Readonly<Record<string, string>>;

/** A frame of a stack: where its function starts and, where that is known, the line that it was executing. @internal */
export interface Frame extends CodePosition {
  readonly executingLine?: number;
}

/** What was seen once or more: a stack, innermost frame first, and a value for each sample type. @internal */
export interface StackSample {
  readonly stack: readonly Frame[];
  readonly values: readonly number[];
  readonly labels?: Labels;
  /** What a person who reads the stack may want to know; not in the encoded profile. */
  readonly notes?: readonly string[];
}

/** A profile before it is mapped to the original sources and encoded. @internal */
export interface Profile {
  readonly sampleTypes: readonly ValueType[];
  readonly periodType: ValueType;
  readonly period: number;
  readonly samples: readonly StackSample[];
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Only for profiles of a window of time. */
  readonly durationNanos?: number;
  readonly comments: readonly string[];
}

/** A frame that is not code of a file, such as `(garbage collector)`. @internal */
export function syntheticFrame(functionName: string): Frame {
  return { functionName, file: '', line: 0, column: 0 };
}
