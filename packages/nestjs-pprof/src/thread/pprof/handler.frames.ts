import { fileURLToPath } from 'node:url';
import type { HandlerClass, LabelSet } from '../../shared/agent.protocol.js';
import type { Frame, StackSample } from './profile.model.js';
import { lineStartsOf } from './script.functions.js';
import { readText } from './source-map.file.js';

/** A file larger than this is not read. */
const FILE_BYTES = 32 * 2 ** 20;

/** Of `async name(`: V8 has a method begin at its name, or at the parenthesis behind it. */
const LONGEST_HEAD = 300;

interface Place {
  readonly from: number;
  readonly labels: LabelSet;
}

/**
 * Labels the samples whose stack has a handler of the application in it, where nothing else tells what they were taken for. A
 * handler is told by file and line: its class, as the main thread has it, is looked for in the text of the file.
 *
 * @returns the samples, and how many of them have labels now.
 * @internal
 */
export async function labelledByStack(
  samples: readonly StackSample[],
  classes: readonly HandlerClass[],
): Promise<{ readonly samples: readonly StackSample[]; readonly count: number }> {
  const names = new Set(classes.flatMap(({ handlers }) => handlers.map(({ name }) => name)));
  const frames = new Set(
    samples
      .filter(({ labels }) => !hasHandler(labels))
      .flatMap(({ stack }) => stack)
      .filter(({ functionName, file }) => file !== '' && names.has(functionName)),
  );
  if (frames.size === 0) {
    return { samples, count: 0 };
  }
  const labelsOf = await labelsOfFrames([...frames], classes);
  let count = 0;
  const labelled = samples.map((sample) => {
    // The outermost: a handler that is called by another has not been called by Nest.
    const frame = hasHandler(sample.labels)
      ? undefined
      : sample.stack.findLast((candidate) => labelsOf.has(candidate));
    if (!frame) {
      return sample;
    }
    count += 1;
    return { ...sample, labels: { ...labelsOf.get(frame), ...sample.labels } };
  });
  return { samples: labelled, count };
}

function hasHandler(labels: LabelSet | undefined): boolean {
  return labels?.handler !== undefined || labels?.route !== undefined;
}

async function labelsOfFrames(
  frames: readonly Frame[],
  classes: readonly HandlerClass[],
): Promise<ReadonlyMap<Frame, LabelSet>> {
  const labels = new Map<Frame, LabelSet>();
  const files = new Set(frames.map(({ file }) => file));
  for (const file of files) {
    const text = await textOf(file);
    const places = placesIn(text, classes);
    const lines = lineStartsOf(places.length > 0 ? text : '');
    for (const frame of frames.filter((candidate) => candidate.file === file)) {
      const at = (lines[frame.line - 1] ?? Infinity) + Math.max(0, frame.column - 1);
      const place = places.find(({ from }) => isHeadOf(frame.functionName, text, from, at));
      if (place) {
        labels.set(frame, place.labels);
      }
    }
  }
  return labels;
}

/** Empty where it cannot be read: the samples stay without labels. */
async function textOf(file: string): Promise<string> {
  try {
    return await readText(file.startsWith('file:') ? fileURLToPath(file) : file, FILE_BYTES);
  } catch {
    return '';
  }
}

/** Where the handlers of these classes begin in a text that has them. Read once: it may be a bundle with a hundred of them. */
function placesIn(text: string, classes: readonly HandlerClass[]): Place[] {
  const names = new Set(classes.map(({ name }) => name));
  const found = [...text.matchAll(/class ([^\s{]*)(?=[\s{])/g)].filter(({ 1: name }) => names.has(name!));
  return found.flatMap(({ index: start, 1: of }) =>
    classes
      .filter(
        ({ name, length, handlers }) =>
          name === of &&
          text[start + length - 1] === '}' &&
          handlers.every((handler) => isHead(headAt(text, start + handler.offset), handler.name)),
      )
      .flatMap(({ handlers }) => handlers)
      .map(({ offset, labels }) => ({ from: start + offset, labels })),
  );
}

/** What comes before the parameters of the function whose text begins there. */
function headAt(text: string, from: number): string {
  const head = text.slice(from, from + LONGEST_HEAD);
  return head.slice(0, head.indexOf('('));
}

function isHead(head: string, name: string): boolean {
  return head.trim().replace(/^async\b\s*|^\*\s*/g, '') === name;
}

/** Whether what V8 has begin there is the function whose text begins at `from`. */
function isHeadOf(name: string, text: string, from: number, at: number): boolean {
  const head = headAt(text, from);
  return from <= at && at <= from + head.length && isHead(head, name);
}
