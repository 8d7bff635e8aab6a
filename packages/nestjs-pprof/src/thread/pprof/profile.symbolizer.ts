import { posix, win32, dirname, join, resolve } from 'node:path';
import {
  defaultTypeIndex,
  type Frame,
  type Labels,
  MAX_FILE_LENGTH,
  MAX_NAME_LENGTH,
  printable,
  type Profile,
  type StackSample,
  TRUNCATED,
} from './profile.model.js';
import type { OriginalPosition, OriginalPositions } from './original.positions.js';
import type { SourceMaps } from './source.maps.js';
import type { CodePosition } from './source-map.table.js';
import { existsSync } from 'node:fs';

/** A frame as it is shown: original position, and a name that says where the function is from. @internal */
export interface SymbolizedFrame {
  readonly name: string;
  readonly file: string;
  /** The line that was executing where that is known, else the one where the function starts. */
  readonly line: number;
  readonly column: number;
  readonly startLine: number;
}

/** @internal */
export interface SymbolizedSample {
  readonly stack: readonly SymbolizedFrame[];
  readonly values: number[];
  readonly labels: Labels;
  readonly notes: readonly string[];
}

/** @internal */
export interface SymbolizedProfile extends Omit<Profile, 'samples'> {
  readonly samples: readonly SymbolizedSample[];
}

/**
 * Maps every frame to its original source, names it, and merges what has become the same stack. All text of a profile passes
 * here on its way out, and is made printable.
 *
 * @internal
 */
export class Symbolizer {
  constructor(
    private readonly sourceMaps: Pick<SourceMaps, 'load'>,
    /** File names under this directory are shown relative to it. */
    private readonly applicationRoot: string,
  ) {}

  async symbolize(profile: Profile): Promise<SymbolizedProfile> {
    const positions = new Set(profile.samples.flatMap((sample) => sample.stack));
    const originals = await this.sourceMaps.load(positions);
    const frames = this.#uniqueFrames(positions, originals);
    return {
      ...profile,
      samples: mergeSamples(profile.samples, frames),
      comments: [...profile.comments, ...describeTruncated(profile), ...originals.describeUnused()].map(
        (comment) => printable(comment),
      ),
      ...(profile.details ? { details: profile.details.map((line) => printable(line)) } : {}),
    };
  }

  /** One frame object for all positions that show the same, so that equal stacks can be told by identity. */
  #uniqueFrames(positions: Iterable<Frame>, originals: OriginalPositions): Map<Frame, SymbolizedFrame> {
    const originalOf = new Map([...positions].map((position) => [position, originals.original(position)]));
    const nameOf = distinctNames(originalOf.values(), (original) => this.#nameOf(original));
    const unique = new Map<string, SymbolizedFrame>();
    const frames = new Map<Frame, SymbolizedFrame>();
    for (const [position, original] of originalOf) {
      const name = nameOf(original);
      const executing = executingPosition(position, originals) ?? original;
      const { line: startLine } = original;
      const file = shownFile(original.file);
      // A line of another file has been inlined by a bundler; the function is what the name says.
      const { line, column } = executing.file === original.file ? executing : original;
      const key = `${name}\0${file}\0${line}\0${column}\0${startLine}`;
      const frame = unique.get(key) ?? { name, file, line, column, startLine };
      unique.set(key, frame);
      frames.set(position, frame);
    }
    return frames;
  }

  /**
   * `Reports.build (src/reports/reports.service.ts)`: pprof shows, and adds up by, the name alone, and those of JavaScript are
   * not qualified as Go's are: `get` in two files would become one function.
   */
  #nameOf({ functionName, file, isAmbiguous, ...position }: OriginalPosition): Names {
    const name = printable(functionName, MAX_NAME_LENGTH);
    if (file === '' && !position.compiled) {
      return [name || '(anonymous)'];
    }
    const shortFile = file === '' ? 'eval' : shownFile(shorten(file, this.applicationRoot));
    const { line, column } = position.compiled ?? position;
    // Of a text that nobody has.
    const separator = position.compiled ? ', compiled ' : ':';
    const [alone, withLine, withColumn] = ['', `${separator}${line}`, `${separator}${line}:${column}`].map(
      (detail) => `${name || '<anonymous>'} (${shortFile}${detail})`,
    ) as [string, string, string];
    return name === '' || isAmbiguous ? [withLine, withColumn] : [alone, withLine, withColumn];
  }
}

/** What a function can be called: the next one where another function of the profile has the one before, too. */
type Names = readonly [string, ...string[]];

/** Gives every function of the profile a name of its own. */
function distinctNames(
  originals: Iterable<OriginalPosition>,
  namesOf: (original: OriginalPosition) => Names,
): (original: OriginalPosition) => string {
  const names = new Map<string, Names>();
  for (const original of originals) {
    names.set(identityOf(original), namesOf(original));
  }
  for (let again = true; again;) {
    again = false;
    const counts = new Map<string, number>();
    for (const [name] of names.values()) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const [identity, [name, ...others]] of names) {
      if (counts.get(name)! > 1 && others.length > 0) {
        names.set(identity, others as unknown as Names);
        again = true;
      }
    }
  }
  return (original) => names.get(identityOf(original))![0];
}

function identityOf({ functionName, file, line, column, compiled }: OriginalPosition): string {
  return [functionName, file, line, column, compiled?.line, compiled?.column].join('\0');
}

function shownFile(file: string): string {
  return printable(file, MAX_FILE_LENGTH);
}

/** How much of the profile is of stacks that V8 has cut. */
function describeTruncated(profile: Profile): string[] {
  const truncated = profile.samples.filter(({ stack }) => stack.at(-1) === TRUNCATED);
  if (truncated.length === 0) {
    return [];
  }
  const index = defaultTypeIndex(profile);
  const [part, whole] = [truncated, profile.samples].map((samples) =>
    samples.reduce((sum, { values }) => sum + Math.abs(values[index] ?? 0), 0),
  ) as [number, number];
  const share = whole === 0 ? 0 : Math.round((1000 * part) / whole) / 10;
  return [
    `${share} % of ${profile.sampleTypes[index]?.type} is of stacks deeper than V8 keeps: below ${TRUNCATED.functionName} their callers are not known`,
  ];
}

/** V8 tells the line that is executing without a column: it is where the first code on that line comes from. */
function executingPosition(frame: Frame, originals: OriginalPositions): CodePosition | undefined {
  const { executingLine } = frame;
  return executingLine === undefined || executingLine === frame.line
    ? undefined
    : originals.original({ ...frame, line: executingLine, column: 0 });
}

function shorten(file: string, root: string): string {
  if (file.startsWith('node:')) {
    return file;
  }
  const path = file.replaceAll(win32.sep, posix.sep);
  const prefix = `${root.replaceAll(win32.sep, posix.sep)}/`;
  const inPackages = path.lastIndexOf('/node_modules/');
  if (inPackages !== -1) {
    return path.slice(inPackages + '/node_modules/'.length);
  }
  return path.startsWith(prefix)
    ? path.slice(prefix.length)
    : path.split(posix.sep).slice(-2).join(posix.sep);
}

function mergeSamples(
  samples: readonly StackSample[],
  frames: ReadonlyMap<Frame, SymbolizedFrame>,
): SymbolizedSample[] {
  const ids = new Map([...new Set(frames.values())].map((frame, index) => [frame, index]));
  const merged = new Map<string, SymbolizedSample>();
  for (const { stack, values, labels = {}, notes = [] } of samples) {
    const mappedStack = stack.map((position) => frames.get(position)!);
    const printableLabels = Object.fromEntries(
      Object.entries(labels).map(([name, value]) => [
        printable(name, MAX_NAME_LENGTH),
        printable(value, MAX_NAME_LENGTH),
      ]),
    );
    const key = [
      ...mappedStack.map((frame) => ids.get(frame)),
      ...Object.entries(printableLabels).flatMap((label) => label.map((part) => JSON.stringify(part))),
    ].join();
    const known = merged.get(key);
    if (known) {
      values.forEach((value, index) => (known.values[index]! += value));
    } else {
      merged.set(key, {
        stack: mappedStack,
        values: [...values],
        labels: printableLabels,
        notes: notes.map((note) => printable(note)),
      });
    }
  }
  // As in Go: what cancels out, in the difference of two profiles, is not there.
  return [...merged.values()].filter(({ values }) => values.some((value) => value !== 0));
}

/** Where the application's code lies, as its profiles name it. @internal */
export interface ProgramPaths {
  /** Absolute path of the script that Node was started with; the executable where there was none (REPL, `-e`). */
  readonly entryScript: string;
  /** The directory of the package that the entry script belongs to. */
  readonly root: string;
}

/** @internal */
export function programPaths(script: string | undefined, cwd: string, execPath: string): ProgramPaths {
  const entryScript = script ? resolve(cwd, script) : execPath;
  return { entryScript, root: script ? packageOf(entryScript, cwd) : cwd };
}

function packageOf(file: string, fallback: string): string {
  for (let directory = dirname(file); directory !== dirname(directory); directory = dirname(directory)) {
    if (existsSync(join(directory, 'package.json'))) {
      return directory;
    }
  }
  return fallback;
}
