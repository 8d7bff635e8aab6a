import type { ProcessVariables } from '../shared/process.variables.js';
import { durationText, megabytes } from '../thread/pprof/profile.text.js';
import { ask, byId, messageFor } from './page.elements.js';

/** Each time the main thread is asked, too; see docs/running.md for what that costs it. */
const EVERY_MILLIS = 2000;

/** Five minutes. */
const KEPT = 150;

/** What a moment has, or the time since the one before. */
interface Moment {
  readonly cpu: number | null;
  readonly mainCpu: number | null;
  readonly heap: number | null;
  readonly rss: number | null;
  readonly delay: number | null;
}

interface Observation {
  readonly at: number;
  readonly variables: ProcessVariables;
}

/** Keeps the figures and charts moving while the page is visible, and says when the event loop is stuck. @internal */
export function startLiveFigures(): void {
  const moments: Moment[] = [];
  let before: Observation | undefined;

  async function refresh(): Promise<void> {
    try {
      const response = await ask('../vars');
      const variables = (await response.json()) as ProcessVariables;
      const now = { at: Date.now(), variables };
      moments.push(momentOf(now, before));
      moments.splice(0, moments.length - KEPT);
      before = now;
      show(variables, moments);
      showContact('');
      await showStuck(variables);
    } catch (error) {
      before = undefined;
      showContact(messageFor(error));
    }
  }

  async function run(): Promise<void> {
    // A page in the background asks nothing of the process.
    if (!document.hidden) {
      await refresh();
    }
    setTimeout(() => void run(), EVERY_MILLIS);
  }
  byId('charts').hidden = false;
  void run();
}

function momentOf({ at, variables }: Observation, before: Observation | undefined): Moment {
  const { cpuSeconds, heap, memory, eventLoop } = variables;
  const seconds = before ? (at - before.at) / 1000 : 0;
  const then = before?.variables.cpuSeconds;
  const rate = (now: number | null, earlier: number | null | undefined) =>
    seconds > 0 && now !== null && earlier !== null && earlier !== undefined
      ? Math.max(0, now - earlier) / seconds
      : null;
  return {
    cpu: rate(cpuSeconds.user + cpuSeconds.system, then && then.user + then.system),
    mainCpu: rate(cpuSeconds.mainThread, then?.mainThread),
    heap: heap?.['used_heap_size'] ?? null,
    rss: memory.rss,
    // Of a loop that does not turn it is as long as that lasts.
    delay: eventLoop.delayMillis ?? eventLoop.sinceTurnMillis,
  };
}

function show(variables: ProcessVariables, moments: readonly Moment[]): void {
  const { processors, heap, memory, eventLoop, threads, uptimeSeconds } = variables;
  const last = moments.at(-1)!;
  const limit = heap?.['heap_size_limit'];
  const main = last.mainCpu === null ? '' : `, main thread ${last.mainCpu.toFixed(2)}`;
  setText(
    'cpu',
    last.cpu === null
      ? '…'
      : `${last.cpu.toFixed(2)} of ${Number(processors.count.toFixed(2))} processors${main}`,
  );
  setText(
    'heap',
    heap
      ? `${megabytes(last.heap ?? 0)} of ${megabytes(limit ?? 0)}`
      : 'not known while the event loop does not turn',
  );
  setText('rss', memory.rss === null ? 'not known' : megabytes(memory.rss));
  setText(
    'delay',
    eventLoop.delayMillis === null
      ? `has not turned for ${((last.delay ?? 0) / 1000).toFixed(1)} s`
      : `${eventLoop.delayMillis.toFixed(1)} ms`,
  );
  setText('utilization', utilizationText(variables));
  setText('threads', threads === null ? 'not known here' : String(threads));
  setText('uptime', durationText(uptimeSeconds));
  const line = (key: keyof Moment, className = 'line') => ({
    className,
    values: moments.map((moment) => moment[key]),
  });
  drawChart(byId('chart-cpu'), [line('cpu'), line('mainCpu', 'line second')], processors.count);
  drawChart(byId('chart-heap'), [line('heap'), line('rss', 'line second')], limit);
  drawChart(byId('chart-delay'), [line('delay')]);
}

let utilizationBefore: ProcessVariables['eventLoop']['utilization'] = null;

/** Each signal of a sampler ends the loop's poll, and libuv does not count the idle time before it: no number is better. */
function utilizationText({ eventLoop: { utilization }, sampled }: ProcessVariables): string {
  const before = utilizationBefore;
  utilizationBefore = utilization;
  if (sampled) {
    return 'not known while a capture or the flight recorder runs';
  }
  if (!utilization || !before) {
    return utilization ? '…' : 'not known while the event loop does not turn';
  }
  const active = utilization.active - before.active;
  const all = active + utilization.idle - before.idle;
  return all > 0 ? `${Math.round((100 * active) / all)} %` : '…';
}

/** After so long at the most there is another dump. */
const LONGEST_DUMP_AGE_MILLIS = 10_000;

/**
 * Since when the loop had not turned, and for how long, at the last dump. A dump costs something, and mostly the stack stays the
 * same; but within one turn it may go on to where it gets stuck, so there is another one when that has lasted twice as long.
 */
let dumped: { readonly since: string; readonly millis: number } | undefined;

/** Whether it is stuck or has no processor, which the dump tells: it does not turn. */
async function showStuck({
  eventLoop: { delayMillis, lastTurn, sinceTurnMillis },
}: ProcessVariables): Promise<void> {
  const box = byId('stuck');
  if (delayMillis !== null) {
    box.hidden = true;
    dumped = undefined;
    return;
  }
  byId('stuck-since').textContent = lastTurn;
  byId('stuck-for').textContent = `${Math.round(sinceTurnMillis / 1000)} s`;
  if (box.hidden) {
    byId('stuck-where').textContent = 'looking where …';
    box.hidden = false;
  }
  if (
    dumped?.since !== lastTurn ||
    sinceTurnMillis - dumped.millis >= Math.min(dumped.millis, LONGEST_DUMP_AGE_MILLIS)
  ) {
    try {
      const dump = await (await ask('goroutine?debug=2&threads=main')).text();
      const { text, isKnown } = describeStack(dump);
      byId('stuck-where').textContent = text;
      // Else it is asked again with the next figures.
      dumped = isKnown ? { since: lastTurn, millis: sinceTurnMillis } : undefined;
    } catch (error) {
      byId('stuck-where').textContent = `where is not known (${messageFor(error)})`;
    }
  }
}

/** The innermost functions of the one thread of a dump: a name, and beneath it its file. @internal */
export function describeStack(dump: string): { readonly text: string; readonly isKnown: boolean } {
  const lines = dump.split('\n\n')[0]!.split('\n').slice(1);
  const functions = lines.filter((line) => /^[^#\t]/.test(line)).slice(0, 3);
  const topLocation = lines.find((line) => line.startsWith('\t'))?.trim();
  // What the page says itself, and what says nothing of the stack, is left out.
  const notes = lines.filter((line) => /^# (?!event loop has not turned|active resources)/.test(line));
  const where = functions.length === 0 ? 'where is not known' : `in ${functions.join(', called by ')}`;
  return {
    text: [
      `${where}${topLocation === undefined ? '' : `, at ${topLocation}`}`,
      ...notes.map((line) => line.slice(2)),
    ].join('; '),
    // V8's marks, `(program)`, have no file.
    isKnown: topLocation !== undefined,
  };
}

function showContact(problem: string): void {
  const box = byId('contact');
  box.textContent = problem;
  box.hidden = problem === '';
}

function setText(id: string, text: string): void {
  byId(`figure-${id}`).textContent = text;
}

const SVG = 'http://www.w3.org/2000/svg';

const [WIDTH, HEIGHT] = [300, 60];

/** A line of a chart: a value for each moment, null where none is known. */
interface ChartLine {
  readonly className: string;
  readonly values: ReadonlyArray<number | null>;
}

/**
 * Draws lines of the last minutes, with 0 at the bottom, and a limit where there is one within sight. What it shows is said in
 * words beside it, so it is nothing to those who do not see it.
 */
function drawChart(svg: Element, lines: readonly ChartLine[], limit?: number): void {
  const highest = Math.max(...lines.flatMap(({ values }) => values.map((value) => value ?? 0)));
  // One that is far above all that is seen would press the lines to the ground.
  const top = Math.max(limit !== undefined && limit < 4 * highest ? limit : 0, highest) * 1.1 || 1;
  const y = (value: number) => HEIGHT - (value / top) * HEIGHT;
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.replaceChildren();
  const add = (className: string, d: string) => {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('class', className);
    path.setAttribute('d', d);
    path.setAttribute('vector-effect', 'non-scaling-stroke');
    svg.append(path);
  };
  if (limit !== undefined && limit <= top) {
    add('limit', `M0 ${y(limit)}H${WIDTH}`);
  }
  for (const { className, values } of lines) {
    const from = KEPT - values.length;
    let d = '';
    let isDrawing = false;
    values.forEach((value, index) => {
      if (value !== null) {
        d += `${isDrawing ? 'L' : 'M'}${(((from + index) * WIDTH) / (KEPT - 1)).toFixed(1)} ${y(value).toFixed(1)}`;
      }
      isDrawing = value !== null;
    });
    add(className, d);
  }
}
