import { AT_LIMIT, NEARLY_EACH_PERIOD } from '../../capture/saturation.watch.js';
import type { Incident, IncidentKind } from '../../capture/incident.model.js';
import type { ProcessorUse } from '../../capture/processor.use.js';

const FORMS: Readonly<Record<IncidentKind, string>> = {
  blocked: 'the event loop was blocked',
  heap: 'the heap of the main thread was above its line',
  rss: 'the resident memory was above its line',
  cpu: 'the process used all the processors it may',
  'main-cpu': 'the main thread used a whole processor',
};

const KEPT_FROM_IT = 'the process was kept from using all the processors it may';

/** @param end milliseconds since the epoch: now, for one that goes on @internal */
export function describeIncident(incident: Incident, end: number): string {
  const { kind, to, peak, limit, use, mainCpuNanos, from } = incident;
  const length = `for ${seconds(end - from)}${to === undefined ? ' so far' : ''}`;
  if (use) {
    return describeBusy(incident, use, length);
  }
  const hasWaited = kind === 'blocked' && (mainCpuNanos ?? Infinity) < ((end - from) * 1e6) / 2;
  const rest = hasWaited ? ', and did not run for the rest' : '';
  const cpu = mainCpuNanos === undefined ? '' : `, main used ${seconds(mainCpuNanos / 1e6)} of CPU${rest}`;
  const level =
    peak === undefined || limit === undefined ? '' : `: ${megabytes(peak)} at most, of ${megabytes(limit)}`;
  return `${FORMS[kind]} ${length}${level}${cpu}`;
}

/** What the process had of the processors, on average. @internal */
export interface ProcessorParts {
  readonly used: number;
  /** Null where the kernel does not tell. */
  readonly main: number | null;
  /** For which part of the time the main thread was ready to run, and had none; null as well. */
  readonly mainWaited: number | null;
  /** The part of the periods of its CPU quota in which that held the process up; null where it has none. */
  readonly throttled: number | null;
}

/** @internal */
export function processorParts(use: ProcessorUse): ProcessorParts {
  const { millis, cpu, main, mainWaited, periods, throttled } = use;
  return {
    used: cpu / millis,
    main: main === undefined ? null : main / millis,
    mainWaited: mainWaited === undefined ? null : mainWaited / millis,
    throttled: periods === 0 ? null : throttled / periods,
  };
}

/** A thread that waits for so small a part of the time is the only one, as a rule, that wants its processor. */
const SHORT_WAITS = 0.05;

function describeBusy({ kind, limit = 1 }: Incident, use: ProcessorUse, length: string): string {
  const { used, main, mainWaited, throttled } = processorParts(use);
  const percent = Math.round(100 * (throttled ?? 0));
  const held = percent > 0 ? `its CPU quota held it up in ${percent} % of the periods` : '';
  const ofMain = main === null ? '' : `, main ${main.toFixed(2)}`;
  if (kind === 'cpu') {
    const form = held && used < AT_LIMIT * limit ? KEPT_FROM_IT : FORMS.cpu;
    const level = `${used.toFixed(2)} of ${limit.toFixed(2)}${ofMain}`;
    return `${form} ${length}: ${level}${held && `; ${held}`}`;
  }
  if (mainWaited === null || mainWaited < SHORT_WAITS) {
    return `${FORMS['main-cpu']} ${length}`;
  }
  const waited = seconds(mainWaited * use.millis);
  const others = 'other threads, of this process or of others, had them';
  const why = (throttled ?? 0) >= NEARLY_EACH_PERIOD ? held : [held, others].filter(Boolean).join('; else ');
  return `the main thread was ready to run all the time ${length}, and had no processor for ${waited} of it: ${why} (the process used ${used.toFixed(2)}${ofMain})`;
}

function seconds(millis: number): string {
  return `${(millis / 1000).toFixed(1)} s`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`;
}
