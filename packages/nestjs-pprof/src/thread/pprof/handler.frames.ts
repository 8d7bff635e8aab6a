import { fileURLToPath } from 'node:url';
import { type HandlerClass, type LabelSet, ROUTE_NOT_KNOWN } from '../../shared/agent.protocol.js';
import type { Frame, StackSample } from './profile.model.js';
import { lineStartsOf } from './script.functions.js';
import { readText } from './source-map.file.js';

/** A file larger than this is not read. */
const FILE_BYTES = 32 * 2 ** 20;

/** Of `async name(`: V8 has a method begin at its name, or at the parenthesis behind it. */
const LONGEST_HEAD = 300;

interface HandlerStart {
  readonly from: number;
  readonly labels: LabelSet;
}

/** Samples with labels, and what is to be said of these. @internal */
export interface Labelled {
  readonly samples: readonly StackSample[];
  readonly comments: readonly string[];
}

/**
 * Labels the samples whose stack has a handler of the application in it, where nothing else tells which one they were taken for.
 * A handler is told by file and line: its class, as the main thread has it, is looked for in the text of the file.
 *
 * @internal
 */
export async function labelledByStack(
  { samples, comments }: Labelled,
  classes: readonly HandlerClass[],
): Promise<Labelled> {
  const names = new Set(classes.flatMap(({ handlers }) => handlers.map(({ name }) => name)));
  const frames = new Set(
    samples
      .filter(({ labels }) => labels?.['handler'] === undefined)
      .flatMap(({ stack }) => stack)
      .filter(({ functionName, file }) => file !== '' && names.has(functionName)),
  );
  const labelsOf = await labelsOfFrames([...frames], classes);
  let count = 0;
  const labelled = samples.map((sample) => {
    const { route = ROUTE_NOT_KNOWN, ...others } = sample.labels ?? {};
    if (others['handler'] !== undefined) {
      return sample;
    }
    const isTold = !route.endsWith(ROUTE_NOT_KNOWN);
    // The outermost: a handler that is called by another has not been called by Nest.
    const frame = sample.stack.findLast((candidate) => {
      const found = labelsOf.get(candidate);
      return found && (!isTold || isOfMiddleware(found));
    });
    if (!frame) {
      return sample;
    }
    count += 1;
    return { ...sample, labels: { ...labelsOf.get(frame), ...others, ...(isTold ? { route } : {}) } };
  });
  const comment = `labels by the stack, where it shows a handler that nothing else tells: ${count} of ${samples.length} stacks`;
  return { samples: labelled, comments: count === 0 ? comments : [...comments, comment] };
}

/** A route that is told says what it can of controllers, but nothing of what a middleware calls, as GraphQL's does. */
function isOfMiddleware(labels: LabelSet): boolean {
  return ['resolver', 'gateway', 'provider'].some((name) => name in labels);
}

async function labelsOfFrames(
  frames: readonly Frame[],
  classes: readonly HandlerClass[],
): Promise<ReadonlyMap<Frame, LabelSet>> {
  const labels = new Map<Frame, LabelSet>();
  const files = new Set(frames.map(({ file }) => file));
  for (const file of files) {
    const text = await textOf(file);
    const starts = startsIn(text, classes);
    const lines = lineStartsOf(starts.length > 0 ? text : '');
    for (const frame of frames.filter((candidate) => candidate.file === file)) {
      const at = (lines[frame.line - 1] ?? Infinity) + Math.max(0, frame.column - 1);
      const start = starts.find(({ from }) => isHeadOf(frame.functionName, text, from, at));
      if (start) {
        labels.set(frame, start.labels);
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
function startsIn(text: string, classes: readonly HandlerClass[]): HandlerStart[] {
  const starts: HandlerStart[] = [];
  for (const { index, 1: named } of text.matchAll(/class ([^\s{]*)(?=[\s{])/g)) {
    for (const { name, length, handlers } of classes) {
      const isIt =
        name === named &&
        text[index + length - 1] === '}' &&
        handlers.every((handler) => isHead(headAt(text, index + handler.offset), handler.name));
      if (isIt) {
        starts.push(...handlers.map(({ offset, labels }) => ({ from: index + offset, labels })));
      }
    }
  }
  return starts;
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
