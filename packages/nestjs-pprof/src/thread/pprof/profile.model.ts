import type { CodePosition } from './source-map.table.js';

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

/** Of which threads a profile is, for those who compare it with an earlier one. @internal */
export interface Coverage {
  /**
   * Of each thread (the value of its label), what its values are counted from: where that is the same for two profiles there
   * is a difference. Undefined for values that cannot be compared at all.
   */
  readonly origins: ReadonlyMap<string, string | undefined>;
  /** Whether threads were left out: then one that is missing has not necessarily ended. */
  readonly isPartial: boolean;
}

/** A profile before it is mapped to the original sources and encoded. @internal */
export interface Profile {
  readonly sampleTypes: readonly ValueType[];
  /** The type that is shown unless another is asked for; the last one where it is not given. */
  readonly defaultSampleType?: string;
  readonly periodType: ValueType;
  readonly period: number;
  readonly samples: readonly StackSample[];
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Only for profiles of a window of time. */
  readonly durationNanos?: number;
  readonly comments: readonly string[];
  /** What a person who reads the stacks may want to know besides; not in the encoded profile. */
  readonly details?: readonly string[];
  /** Where it is missing, two profiles of the same kind can be compared as they are. */
  readonly coverage?: Coverage;
}

/** Position, among the sample types, of the one that is shown unless another is asked for. @internal */
export function defaultTypeIndex({
  sampleTypes,
  defaultSampleType,
}: Pick<Profile, 'sampleTypes' | 'defaultSampleType'>): number {
  const index = sampleTypes.findIndex(({ type }) => type === defaultSampleType);
  return index === -1 ? sampleTypes.length - 1 : index;
}

/** A frame that is not code of a file, such as `(garbage collector)`. @internal */
export function syntheticFrame(functionName: string): Frame {
  return { functionName, file: '', line: 0, column: 0 };
}

/** Whether it is V8's or our own mark of that name, and not a function that somebody has called so. @internal */
export function isMark(frame: Frame | undefined, name: string): boolean {
  return frame !== undefined && frame.functionName === name && frame.file === '' && frame.line <= 0;
}

/** The root of a stack that is deeper than V8 keeps: it keeps the innermost frames. @internal */
export const TRUNCATED = syntheticFrame('(truncated)');

/** What V8 keeps of a stack in a CPU profile (`TickSample::kMaxFramesCount`). */
const MAX_CPU_FRAMES = 255;

/**
 * Gives a stack that V8 has cut the root `(truncated)`, instead of the callers that nobody knows. Its length alone does
 * not tell: V8 leaves built-in functions that call back out, and adds those that are inlined. What is as deep is a recursion,
 * so where the stack was cut its root recurs; the root of a whole one is where the event loop begins.
 *
 * @internal
 */
export function markTruncated<T extends Frame>(stack: readonly T[]): ReadonlyArray<T | Frame> {
  const root = stack.at(-1);
  if (root === undefined || stack.length < MAX_CPU_FRAMES / 2) {
    return stack;
  }
  const isCut =
    stack
      .slice(0, -1)
      .some(({ functionName, file }) => functionName === root.functionName && file === root.file) ||
    (stack.length >= MAX_CPU_FRAMES && !root.file.startsWith('node:'));
  return isCut ? [...stack, TRUNCATED] : stack;
}

/** Of names that V8 or the application makes up: long enough for all that tell anything. @internal */
export const MAX_NAME_LENGTH = 256;
/** @internal */
export const MAX_FILE_LENGTH = 1024;

/** Control characters, what is invisible or changes the direction of text, lone surrogates; not the joiners of scripts. */
const UNPRINTABLE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Text that stays one line of what it says: names are given by whoever wrote, or sent, the code. @internal */
export function printable(text: string, maxLength = Infinity): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return cut.replace(UNPRINTABLE, (character) => {
    const hex = character.codePointAt(0)!.toString(16);
    return (
      ESCAPES[character] ?? (hex.length <= 2 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`)
    );
  });
}

/** The same for a reader who sees one type only: another where that one is 0 throughout, as nobody has measured it. @internal */
export function shownTypeIndex(
  profile: Pick<Profile, 'sampleTypes' | 'defaultSampleType'> & {
    readonly samples: ReadonlyArray<{ readonly values: readonly number[] }>;
  },
): number {
  const hasValues = (index: number) => profile.samples.some(({ values }) => values[index] !== 0);
  const byDefault = defaultTypeIndex(profile);
  const measured = profile.sampleTypes.findLastIndex((_, index) => hasValues(index));
  return hasValues(byDefault) || measured === -1 ? byDefault : measured;
}
