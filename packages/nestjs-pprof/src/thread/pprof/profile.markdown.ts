import { hotPaths, nameWithLine } from './hot.paths.js';
import { type Labels, shownTypeIndex } from './profile.model.js';
import type { SymbolizedProfile } from './profile.symbolizer.js';
import { format, groupedBy, percent, routeOf, type Row, tabulate } from './profile.text.js';

/** What is profiled, for the head of a report. @internal */
export interface ReportSubject {
  /** The kind of profile: `heap`. */
  readonly kind: string;
  /** Name and version of the service's package, where they are known. */
  readonly service: string | undefined;
  readonly pid: number;
  readonly entryScript: string;
  /** Names of files are relative to it. */
  readonly root: string;
  readonly instance: string | undefined;
  /** Processors that the process may use, and what says so. */
  readonly processors: { readonly count: number; readonly by: string };
  /** What is so with every profile of this kind. */
  readonly caveats: readonly string[];
}

const MAX_FUNCTIONS = 30;
const MAX_PATHS = 12;
const MAX_LABELS = 20;
const MAX_COMMENTS = 40;
const MAX_TEXT = 300;

/** Comments that tell what is not in the profile; they come first. */
const OF_WHAT_IS_MISSING = /\b(skipped|missing|lost|left out|not known|cannot be|starts anew|estimate)\b/;

/**
 * A report that can be handed to somebody who has nothing else: what was measured, where the time or memory goes, and what has
 * to be known about the numbers. It is bounded in length; names, which are whatever somebody has written, are code in it.
 *
 * @internal
 */
export function renderMarkdown(profile: SymbolizedProfile, subject: ReportSubject): string {
  const valueIndex = shownTypeIndex(profile);
  const { type, unit } = profile.sampleTypes[valueIndex]!;
  const { rows, total } = tabulate(profile, valueIndex);
  const report: Report = { profile, valueIndex, unit, total };
  const isDifference = profile.samples.some(({ values }) => (values[valueIndex] ?? 0) < 0);
  const [grown, shrunk] = [rows.filter(({ flat }) => flat > 0), rows.filter(({ flat }) => flat < 0)];
  const sections = [
    `# Profile \`${subject.kind}\`: ${subject.service === undefined ? `pid ${subject.pid}` : code(subject.service)}`,
    head(report, subject, type, isDifference),
    total === 0
      ? 'It has no values: nothing of what it measures was seen. The notes at the end say what was asked.'
      : '',
    ...(isDifference
      ? [functions(report, 'What has grown', grown), functions(report, 'What has shrunk', shrunk)]
      : [functions(report, 'Hottest functions', rows)]),
    paths(report, isDifference),
    bySample(report, 'route', routeOf),
    bySample(report, 'thread', ({ thread }) => thread),
    notes(profile.comments, subject.caveats),
  ];
  return `${sections.filter(Boolean).join('\n\n')}\n`;
}

interface Report {
  readonly profile: SymbolizedProfile;
  readonly valueIndex: number;
  readonly unit: string;
  readonly total: number;
}

function head(report: Report, subject: ReportSubject, type: string, isDifference: boolean): string {
  const { profile, unit, total } = report;
  const { durationNanos, startedAt } = profile;
  const at = new Date(startedAt).toISOString();
  const window =
    durationNanos === undefined ? `${at}, a moment` : `${at}, ${format(durationNanos, 'nanoseconds')}`;
  const measured = isDifference
    ? `the difference in \`${type}\` that this time has made; in percent of all that came and went (${format(total, unit)})`
    : `\`${type}\`, ${format(total, unit)} in all`;
  const lines = [
    `process: pid ${subject.pid}, ${code(subject.entryScript)}${subject.instance === undefined ? '' : `, ${code(subject.instance)}`}, Node ${process.version} on ${process.platform}-${process.arch}`,
    `window: ${window}`,
    `measured: ${measured}`,
    ...cpuOf(profile, subject),
    `threads: ${threadsIn(profile)}`,
    `paths of files are relative to ${code(subject.root)}; packages begin with their name`,
  ];
  return lines.map((line) => `- ${line}`).join('\n');
}

/** Of a profile of a window that has CPU time. */
function cpuOf(
  { sampleTypes, samples, durationNanos }: SymbolizedProfile,
  { processors }: ReportSubject,
): string[] {
  const index = sampleTypes.findIndex(({ type }) => type === 'cpu');
  if (index === -1 || durationNanos === undefined) {
    return [];
  }
  const used = samples.reduce((sum, { values }) => sum + (values[index] ?? 0), 0) / durationNanos;
  const limit = `${Number(processors.count.toFixed(2))} (${processors.by})`;
  return [`CPU: ${used.toFixed(2)} processors; it may use ${limit}`];
}

function threadsIn({ samples }: SymbolizedProfile): string {
  const threads = [...new Set(samples.flatMap(({ labels }) => labels['thread'] ?? []))];
  return listed(threads.map(code)) || 'none with samples';
}

function listed(items: readonly string[]): string {
  const shown = items.slice(0, MAX_LABELS).join(', ');
  return items.length > MAX_LABELS ? `${shown} and ${items.length - MAX_LABELS} more` : shown;
}

function functions({ profile, unit, total }: Report, title: string, rows: readonly Row[]): string {
  const shown = rows.filter(({ flat, cumulative }) => flat !== 0 || cumulative !== 0).slice(0, MAX_FUNCTIONS);
  if (shown.length === 0) {
    return '';
  }
  const frames = new Map(profile.samples.flatMap(({ stack }) => stack.map((frame) => [frame.name, frame])));
  const cells = shown.map(({ name, flat, cumulative }) => [
    format(flat, unit),
    percent(flat, total),
    format(cumulative, unit),
    percent(cumulative, total),
    cell(nameWithLine(frames.get(name)!)),
  ]);
  const more = rows.length > shown.length ? `\n\n${shown.length} of ${rows.length} functions are shown.` : '';
  return `## ${title}\n\n${table(['self', 'self %', 'with callees', '%', 'function'], cells)}${more}`;
}

function paths({ profile, valueIndex, unit, total }: Report, isDifference: boolean): string {
  const found = hotPaths(profile, valueIndex, MAX_PATHS);
  if (found.length === 0) {
    return '';
  }
  const blocks = found.map(({ frames, isCut, value, ends }, index) => {
    const ofOthers = ends.map((end) => `${code(end.name)} ${percent(end.value, total)}`);
    return [
      `${index + 1}. **${format(value, unit)} (${percent(value, total)})**${frames.length === 0 ? " with none of the application's own code" : ''}`,
      ...(isCut ? ['   - …'] : []),
      ...frames.map((frame) => `   - ${code(nameWithLine(frame))}`),
      ...(ofOthers.length > 0 ? [`   - in ${ofOthers.join(', ')}`] : []),
    ].join('\n');
  });
  const title = isDifference ? 'Call paths that changed most' : 'Hottest call paths';
  return `## ${title}\n\nDown to the application's own code, outermost first; what packages and Node call in between is left out.\n\n${blocks.join('\n')}`;
}

/** Where there are several; one route is told of, too. */
function bySample(
  { profile, valueIndex, unit, total }: Report,
  what: 'route' | 'thread',
  nameOf: (labels: Labels) => string | undefined,
): string {
  const groups = groupedBy(profile.samples, valueIndex, nameOf);
  if (groups.length < (what === 'route' && groups[0]?.name !== undefined ? 1 : 2)) {
    return '';
  }
  const cells = groups.slice(0, MAX_LABELS).map(({ name, samples, value }) => {
    const [hottest] = tabulate({ samples }, valueIndex).rows;
    return [
      name === undefined ? 'none' : cell(name),
      format(value, unit),
      percent(value, total),
      hottest ? `${cell(hottest.name)} ${percent(hottest.flat, total)}` : '',
    ];
  });
  const more = groups.length > cells.length ? `\n\n${cells.length} of ${groups.length} are shown.` : '';
  return `## By ${what}\n\n${table([what, 'value', '%', 'hottest function'], cells)}${more}`;
}

function notes(comments: readonly string[], caveats: readonly string[]): string {
  const ordered = comments.toSorted(
    (a, b) => Number(OF_WHAT_IS_MISSING.test(b)) - Number(OF_WHAT_IS_MISSING.test(a)),
  );
  const lines = ordered.slice(0, MAX_COMMENTS).map((comment) => `- ${code(comment)}`);
  const more =
    ordered.length > MAX_COMMENTS
      ? [`- ${ordered.length - MAX_COMMENTS} more are in the profile itself`]
      : [];
  return [
    `## What has to be known about these numbers\n\n${caveats.map((caveat) => `- ${caveat}`).join('\n')}`,
    `The profile's own notes, what is missing first:\n\n${[...lines, ...more].join('\n')}`,
  ].join('\n\n');
}

function table(titles: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  return [titles, titles.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/**
 * Text as code, in which nothing else means anything: https://spec.commonmark.org/0.31.2/#code-spans
 * A `<` would begin HTML for those who take Markdown for it, and in code is nothing.
 */
function code(text: string): string {
  const cut = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  const longest = Math.max(0, ...[...cut.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const pad = /^[` ]|[` ]$/.test(cut) || cut === '' ? ' ' : '';
  return `${fence}${pad}${cut}${pad}${fence}`;
}

/** In a table a bar ends the cell, also in code: https://github.github.com/gfm/#example-200 */
function cell(text: string): string {
  return code(text).replaceAll(/(\\*)\|/g, '$1$1\\|');
}
