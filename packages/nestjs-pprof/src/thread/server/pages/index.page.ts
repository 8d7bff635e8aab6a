import type { OomProfileFile } from '../../../shared/oom-profile.files.js';
import { residentBytes } from '../../../shared/memory.usage.js';
import type { RunningProfiler } from '../../../shared/process.variables.js';
import { kernelThreadCount, processorLimit } from '../../capture/kernel.threads.js';
import type { LoopState } from '../../capture/agent.client.js';
import { megabytes } from '../../pprof/profile.text.js';
import type { RecordingKind } from '../../profiles/recording.kind.js';
import type { ProcessDescription } from '../profiling.tokens.js';
import type { ReportedIncident } from './incidents.controller.js';
import { escapeHtml, incidentTable, postMortemTable, processTable } from './index.tables.js';
import type { Reach, TerminalCommand } from './terminal.commands.js';

/** What the page is about. @internal */
export interface IndexContent {
  readonly process: ProcessDescription;
  readonly kinds: readonly RecordingKind[];
  readonly maxSeconds: number;
  /** Whether heap snapshots are served. */
  readonly heapSnapshot: boolean;
  /** Undefined where the event loop has not answered at once. */
  readonly loop: LoopState | undefined;
  /** Milliseconds since the epoch. */
  readonly lastTurn: number;
  /** Of the flight recorder; undefined where it is off. */
  readonly incidents: readonly ReportedIncident[] | undefined;
  readonly oomProfiles: readonly OomProfileFile[];
  /** Of the flight recorder, of processes that have died. */
  readonly recordings: readonly OomProfileFile[];
  readonly others: readonly RunningProfiler[];
  readonly commands: readonly TerminalCommand[];
  readonly reach: Reach;
}

type Row = Pick<RecordingKind, 'description' | 'views' | 'texts'> & {
  readonly name: string;
  readonly download: string | undefined;
};

const OTHER_PAGES: readonly Row[] = [
  {
    name: 'ui/',
    description: 'The flame graph viewer, speedscope. It also opens files that you drop on it.',
  },
  { name: '../vars', description: 'Memory, event loop, versions and uptime as JSON, like expvar in Go.' },
  {
    name: 'cmdline',
    description: 'The command line of the process, with NUL bytes between the arguments.',
  },
  {
    name: 'symbol',
    description: 'Looks up names of addresses; for go tool pprof, which needs it to answer.',
  },
].map((page) => ({ ...page, views: [], texts: [], download: undefined }));

/** A loop that turns notes it each half second: one that has not for longer has something on. */
const SILENT_AFTER_MILLIS = 2000;

/** The page, for people, and for what looks for Go's. It says what matters without its script. @internal */
export function renderIndex(content: IndexContent): string {
  const {
    process: of,
    kinds,
    heapSnapshot,
    incidents,
    oomProfiles,
    recordings,
    others,
    commands,
    reach,
  } = content;
  const hasStacks = kinds.some(({ name }) => name === 'goroutine');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>/debug/pprof/</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="ui/page.css">
<script src="ui/page.js" defer></script>
</head>
<body>
<header>
<h1>/debug/pprof/</h1>
<p>${escapeHtml(of.title)}, pid ${of.pid}${of.instance === undefined ? '' : `, ${escapeHtml(of.instance)}`}, Node ${escapeHtml(process.version)}<br><code>${escapeHtml(of.entryScript)}</code></p>
</header>
<main>
${alive(content)}
${
  hasStacks
    ? `<section aria-labelledby="now">
<h2 id="now">What is it doing now?</h2>
<p><a href="goroutine?debug=2">full goroutine stack dump</a> <button type="button" id="refresh-stacks" hidden>Show the stacks of all threads here</button></p>
<pre id="stacks" tabindex="0" aria-label="stacks of all threads" hidden></pre>
</section>`
    : ''
}
${incidents ? incidentTable(incidents) : ''}${postMortemTable('The last minutes before a signal, an uncaught exception, or a full heap', 'incidents', recordings)}${postMortemTable('Heap profiles of processes whose heap was full', 'oom', oomProfiles)}<section aria-labelledby="profiles">
<h2 id="profiles">Types of profiles available</h2>
<table>
<thead><tr><th scope="col">profile</th><th scope="col">what it is</th><th scope="col">view</th><th scope="col">download</th><th scope="col">read</th></tr></thead>
<tbody>
${[...kinds, ...OTHER_PAGES].map((row) => rowOf(row, heapSnapshot)).join('\n')}
</tbody>
</table>
<p>Set debug=1 as a query parameter to export in legacy text format, where the profile has one.</p>
</section>
${captureForm(content)}
<section aria-labelledby="terminal">
<h2 id="terminal">From a terminal</h2>
${commands.map(({ text, command }) => `<p>${escapeHtml(text)} <code>${escapeHtml(command)}</code></p>`).join('\n')}
</section>
${processTable(others, of.entryScript, reach)}</main>
</body>
</html>
`;
}

/** The figures of the moment in which the page was made; the script keeps them moving. */
function alive({ loop, lastTurn }: IndexContent): string {
  const { count } = processorLimit();
  const cpu = process.cpuUsage();
  const description = loop?.description;
  const silentMillis = Date.now() - lastTurn;
  const isSilent = loop?.stuck ?? (loop === undefined && silentMillis > SILENT_AFTER_MILLIS);
  const since = new Date(loop?.stuck ? loop.lastTurn : lastTurn).toISOString();
  const unknown = 'has not been told at once';
  const figures: ReadonlyArray<readonly [id: string, name: string, value: string, chart?: string]> = [
    [
      'cpu',
      'CPU',
      `${((cpu.user + cpu.system) / 1e6).toFixed(1)} s so far, of ${Number(count.toFixed(2))} processors`,
      'cpu',
    ],
    [
      'heap',
      'Heap of the main thread',
      description
        ? `${megabytes(description.heap['used_heap_size'] ?? 0)} of ${megabytes(description.heap['heap_size_limit'] ?? 0)}`
        : unknown,
      'heap',
    ],
    [
      'delay',
      'Event loop delay',
      loop?.delayMillis === undefined ? unknown : `${loop.delayMillis.toFixed(1)} ms`,
      'delay',
    ],
    ['rss', 'RSS', residentText()],
    [
      'utilization',
      'Event loop utilization',
      description ? `${Math.round(100 * description.utilization.utilization)} % since start-up` : unknown,
    ],
    ['threads', 'Threads', String(kernelThreadCount() ?? 'not known here')],
    ['uptime', 'Uptime', `${Math.floor(process.uptime())} s`],
  ];
  return `<section aria-labelledby="alive">
<h2 id="alive">Is it alive?</h2>
<p id="stuck" role="alert"${isSilent ? '' : ' hidden'}><strong>The event loop has not turned since <span id="stuck-since">${since}</span></strong> (<span id="stuck-for">${Math.round(silentMillis / 1000)} s</span>): <span id="stuck-where">the stack dump below says where</span></p>
<p id="contact" role="status" hidden></p>
<dl id="charts">
${figures
  .map(
    ([id, name, value, chart]) =>
      `<div><dt>${name}</dt><dd><span id="figure-${id}">${value}</span>${chart === undefined ? '' : `<svg id="chart-${chart}" aria-hidden="true"></svg>`}</dd></div>`,
  )
  .join('\n')}
</dl>
</section>`;
}

function rowOf({ name, description, views, download, texts }: Row, heapSnapshot: boolean): string {
  const viewLinks = views.map(
    ({ text, query, order }) =>
      `<a href="ui/#profileURL=${encodeURIComponent(`../${name}${query}`)}&amp;view=${order}">${text}</a>`,
  );
  const textLinks = texts.map(({ text, query }) => `<a href="${escapeHtml(`${name}${query}`)}">${text}</a>`);
  const downloadLink =
    download === undefined || (name === 'heapsnapshot' && !heapSnapshot)
      ? ''
      : `<a href="${name}${download}" download>${download === '' ? name : download.slice(1)}</a>`;
  const cells = [viewLinks.join(', '), downloadLink, textLinks.join(', ')].map((cell) => `<td>${cell}</td>`);
  return `<tr><td><a href="${name}">${name}</a></td><td>${escapeHtml(description)}</td>${cells.join('')}</tr>`;
}

/** Which can be taken with the form, and what its button says. */
const CAPTURES: ReadonlyArray<readonly [name: string, button: string]> = [
  ['profile', 'CPU'],
  ['heap', 'Heap: what this time changes'],
  ['allocs', 'Allocations'],
  ['block', 'Blocked event loop'],
];

function captureForm({ kinds, maxSeconds }: IndexContent): string {
  const buttons = CAPTURES.filter(([name]) => kinds.some((kind) => kind.name === name));
  if (buttons.length === 0) {
    return '';
  }
  return `<section aria-labelledby="capture-title">
<h2 id="capture-title">Take a capture</h2>
<form id="capture" action="${buttons[0]![0]}" method="get">
<p>
<label>Seconds <input name="seconds" type="number" min="1" max="${maxSeconds}" value="${Math.min(5, maxSeconds)}" required></label>
<label>Samples per second (CPU) <input name="hz" type="number" min="1" max="1000" value="100" required></label>
<label>Threads <input name="threads" value="all" pattern="all|main|[0-9]+(,[0-9]+)*" title="all, main, or ids separated by commas" required></label>
<label>Route (CPU) <input name="route" placeholder="all" title="such as GET /orders/:id, as the profile names it; or without the method"></label>
<label id="format-field">Format <select name="format"><option>text</option><option>markdown</option><option>pprof</option></select></label>
</p>
<p>${buttons.map(([name, text]) => `<button formaction="${name}">${text}</button>`).join(' ')}</p>
</form>
<div id="progress" hidden><progress id="progress-bar" aria-labelledby="progress-text"></progress> <span id="progress-text"></span> <button type="button" id="cancel">Cancel</button></div>
<p id="capture-problem" role="alert"></p>
<div id="captures" hidden>
<h3>Captures of this tab</h3>
<p id="no-captures">None yet.</p>
<table id="capture-table" hidden>
<thead><tr><th scope="col">compare</th><th scope="col">capture</th><th scope="col">time (UTC)</th><th scope="col">view</th><th scope="col">read, keep</th></tr></thead>
<tbody id="capture-rows"></tbody>
</table>
<p><button type="button" id="compare" disabled>Compare two</button> <span id="difference" role="status"></span></p>
<pre id="capture-text" tabindex="0" aria-label="the capture as text" hidden></pre>
</div>
</section>`;
}

function residentText(): string {
  const bytes = residentBytes();
  return bytes === null ? 'not known' : megabytes(bytes);
}
