/** An event in Chrome's Trace Event Format. */
export interface TraceEvent {
  readonly ph: string;
  readonly name: string;
  readonly cat: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly id?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

export interface TraceFile {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: string;
  readonly otherData: Readonly<Record<string, unknown>>;
}

/** Phases: complete, begin, end, instant, counter, asynchronous begin, instant and end, metadata, sample. */
const PHASES = 'XBEIiCbneMPsft';

/**
 * The rules of the format that a trace breaks, as texts.
 * https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 */
export function brokenTraceRules({ traceEvents, displayTimeUnit }: TraceFile): string[] {
  const broken = traceEvents.flatMap((event) =>
    rulesOf(event)
      .filter(([holds]) => !holds)
      .map(([, rule]) => `${rule}: ${JSON.stringify(event)}`),
  );
  if (!['ms', 'ns'].includes(displayTimeUnit)) {
    broken.push(`displayTimeUnit is ms or ns: ${displayTimeUnit}`);
  }
  return [...broken, ...brokenNesting(traceEvents)];
}

function rulesOf({ ph, name, cat, pid, tid, ts, dur, id, args }: TraceEvent): [boolean, string][] {
  return [
    [ph.length === 1 && PHASES.includes(ph), 'a known phase'],
    [typeof name === 'string' && name !== '', 'a name'],
    [typeof cat === 'string' && cat !== '', 'a category'],
    [Number.isInteger(pid) && Number.isInteger(tid), 'whole numbers of process and thread'],
    [Number.isFinite(ts) && ts >= 0, 'a time'],
    [ph !== 'X' || (typeof dur === 'number' && dur >= 0), 'a complete event has a duration'],
    [!'bne'.includes(ph) || id !== undefined, 'an asynchronous event has an id'],
    [ph !== 'M' || args !== undefined, 'metadata has arguments'],
  ];
}

/** What ends has begun, unless it began before the trace did; on one thread, what begins last ends first. */
function brokenNesting(events: readonly TraceEvent[]): string[] {
  const open = new Map<number, string[]>();
  const broken: string[] = [];
  for (const { ph, tid, name } of events.toSorted((a, b) => a.ts - b.ts)) {
    const stack = open.get(tid) ?? [];
    open.set(tid, stack);
    if (ph === 'B') {
      stack.push(name);
    } else if (ph === 'E' && stack.length > 0 && stack.pop() !== name) {
      broken.push(`${name} ends what began as something else`);
    }
  }
  return broken;
}
