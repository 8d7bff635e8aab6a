import { Controller, Get, Inject, Query, Res } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { PprofError } from '../../../shared/pprof.error.js';
import { ApplicationThreads } from '../../capture/application.threads.js';
import { Symbolizer, type SymbolizedFrame } from '../../pprof/profile.symbolizer.js';
import { parseChoice } from '../../profiles/query.parameters.js';
import { sendText } from '../http.response.js';
import { describeIncident, type ProcessorParts, processorParts } from './incident.text.js';
import type { FlightRecorder } from '../../capture/flight.recorder.js';
import type { Incident, IncidentKind } from '../../capture/incident.model.js';

/** Serves what went wrong with the process lately, each with the way to what the flight recorder has of it. @internal */
@Controller('debug/pprof/incidents')
export class IncidentsController {
  constructor(
    @Inject(ApplicationThreads) private readonly threads: ApplicationThreads,
    @Inject(Symbolizer) private readonly symbolizer: Symbolizer,
  ) {}

  @Get()
  async incidents(
    @Query('format') format: string | string[] | undefined,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const { incidents, recorder } = this.threads;
    if (!incidents || !recorder) {
      throw new PprofError(
        404,
        'incidents are kept by the flight recorder, which is off: set "flightRecorder: {}" in the options of PprofModule',
      );
    }
    const [asked = 'text'] = [format].flat();
    const as = parseChoice('format', asked, ['text', 'json']);
    const listed = await reportOf(await incidents.list(true), this.symbolizer, recorder);
    const since = new Date(incidents.startedAt).toISOString();
    const { kept, hz, outage = null } = recorder;
    const [from, to] = [kept?.from, kept?.to].map((at) => new Date(at ?? 0).toISOString());
    if (as === 'json') {
      const body = { since, recorded: kept ? { from, to, hz } : null, outage, incidents: listed };
      sendText(response, `${JSON.stringify(body, null, 2)}\n`, 'application/json; charset=utf-8');
      return;
    }
    const heading = [
      `${listed.length} ${listed.length === 1 ? 'incident' : 'incidents'} since ${since}, the newest first; the last 100 are kept`,
      kept ? `recorded from ${from} to ${to}, ${hz} Hz` : 'nothing has been recorded yet',
      ...(outage === null ? [] : [`nothing is recorded now: ${outage}`]),
    ];
    sendText(response, `${[...heading, '', renderIncidents(listed)].join('\n').trimEnd()}\n`);
  }
}

/** What led to an incident, and what came of it. */
const AROUND_SECONDS = { before: 10, after: 5 };

/** Frames that the text shows of a stack. */
const SHOWN_FRAMES = 12;

const SHARE = { type: 'share', unit: 'fraction' };

/** An incident as it is told, in text and JSON. @internal */
export interface ReportedIncident {
  readonly kind: IncidentKind;
  readonly text: string;
  readonly from: string;
  /** Null while it goes on. */
  readonly to: string | null;
  readonly seconds: number;
  /** CPU time of the main thread meanwhile; null where not all of it is recorded. */
  readonly mainCpuSeconds: number | null;
  readonly peak: number | null;
  readonly limit: number | null;
  /** Null where it is not about processors. */
  readonly processors: ProcessorParts | null;
  /** Those seen longest, with the share of the time in which a stack was seen. */
  readonly stacks: ReadonlyArray<{
    readonly share: number;
    readonly labels: Readonly<Record<string, string>>;
    readonly frames: ReadonlyArray<Pick<SymbolizedFrame, 'name' | 'file' | 'line'>>;
  }>;
  /** What the recorder has of it, relative to the list; null where all that it keeps is of later. */
  readonly profile: string | null;
}

/** @internal */
export async function reportOf(
  incidents: readonly Incident[],
  symbolizer: Symbolizer,
  { seconds: mostSeconds, kept }: Pick<FlightRecorder, 'seconds' | 'kept'>,
): Promise<ReportedIncident[]> {
  return Promise.all(
    incidents.map(async (incident) => {
      const { kind, from, to, mainCpuNanos, peak = null, limit = null, use, stacks = [] } = incident;
      const { samples } = await symbolizer.symbolize({
        sampleTypes: [SHARE],
        periodType: SHARE,
        period: 1,
        samples: stacks.map(({ share, ...sample }) => ({ ...sample, values: [share] })),
        startedAt: from,
        comments: [],
      });
      // The clock may have been set back since.
      const end = to ?? Math.max(from, Date.now());
      const until = Math.max(end, Math.min(end + AROUND_SECONDS.after * 1000, Date.now()));
      // Of one that has lasted for longer than the recorder keeps, the last part.
      const past = Math.min(mostSeconds, Math.ceil((until - from) / 1000) + AROUND_SECONDS.before);
      return {
        kind,
        text: describeIncident(incident, end),
        from: new Date(from).toISOString(),
        to: to === undefined ? null : new Date(to).toISOString(),
        seconds: (end - from) / 1000,
        mainCpuSeconds: mainCpuNanos === undefined ? null : mainCpuNanos / 1e9,
        peak,
        limit,
        processors: use ? processorParts(use) : null,
        stacks: samples.map(({ stack, values: [share = 0], labels }) => ({
          share,
          labels,
          frames: stack.map(({ name, file, line }) => ({ name, file, line })),
        })),
        profile:
          kept && kept.from >= until ? null : `profile?past=${past}&until=${new Date(until).toISOString()}`,
      };
    }),
  );
}

/** One block of lines each. @internal */
export function renderIncidents(incidents: readonly ReportedIncident[]): string {
  return incidents
    .map(({ from, text, stacks, profile }) =>
      [
        `${from} ${text}`,
        ...stacks.flatMap(({ share, labels, frames }) => {
          const tags = Object.entries(labels).map(([name, value]) => ` ${name}=${value}`);
          const lines = withoutRepeats(
            frames.map(({ name, line, file }) => `    ${name}${file ? ` ${file}:${line}` : ''}`),
          );
          const more = lines.length - SHOWN_FRAMES;
          return [
            `  ${Math.round(share * 100)} %${tags.join('')}`,
            ...lines.slice(0, SHOWN_FRAMES),
            ...(more > 0 ? [`    … ${more} more`] : []),
          ];
        }),
        `  ${profile ?? 'no profile: it is older than all that is recorded'}`,
      ].join('\n'),
    )
    .join('\n\n');
}

/** What calls itself is one line, with how often. */
function withoutRepeats(lines: readonly string[]): string[] {
  const runs: Array<{ readonly line: string; count: number }> = [];
  for (const line of lines) {
    const last = runs.at(-1);
    if (last?.line === line) {
      last.count += 1;
    } else {
      runs.push({ line, count: 1 });
    }
  }
  return runs.map(({ line, count }) => (count === 1 ? line : `${line} (${count} times)`));
}
