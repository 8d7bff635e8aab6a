import { Controller, Get, Inject, Query, Res } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { ApplicationThreads } from '../../capture/application.threads.js';
import { Symbolizer } from '../../pprof/profile.symbolizer.js';
import { NotEnabledError, parseChoice } from '../../profiles/query.parameters.js';
import { sendText } from '../http.response.js';
import { renderIncidents, reportOf } from './incidents.report.js';

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
      throw new NotEnabledError(
        'incidents are kept by the flight recorder, which is off: set "flightRecorder: {}" in the options of PprofModule',
      );
    }
    const [asked = 'text'] = [format].flat();
    const as = parseChoice('format', asked, ['text', 'json']);
    const listed = await reportOf(await incidents.list(true), this.symbolizer);
    const since = new Date(incidents.startedAt).toISOString();
    const { kept, hz } = recorder;
    if (as === 'json') {
      const recorded = kept && {
        from: new Date(kept.from).toISOString(),
        to: new Date(kept.to).toISOString(),
        hz,
      };
      const body = { since, recorded: recorded ?? null, outage: recorder.outage ?? null, incidents: listed };
      sendText(response, `${JSON.stringify(body, null, 2)}\n`, 'application/json; charset=utf-8');
      return;
    }
    const heading = [
      `${listed.length} incidents since ${since}, the newest first; the last 100 are kept`,
      kept
        ? `recorded from ${new Date(kept.from).toISOString()} to ${new Date(kept.to).toISOString()}, ${hz} Hz`
        : 'nothing has been recorded yet',
      ...(recorder.outage === undefined ? [] : [`nothing is recorded now: ${recorder.outage}`]),
    ];
    sendText(response, `${[...heading, '', renderIncidents(listed)].join('\n').trimEnd()}\n`);
  }
}
