import { createHash } from 'node:crypto';
import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RecordingKind } from '../../profiles/recording.kind.js';
import { listOomProfiles } from '../../../shared/oom-profile.files.js';
import { sendPage } from '../http.response.js';
import { ApplicationThreads } from '../../capture/application.threads.js';
import { Symbolizer } from '../../pprof/profile.symbolizer.js';
import { reportOf } from './incidents.report.js';
import { escapeHtml, incidentTable, oomTable, processTable } from './index.tables.js';
import { ProfilerRegistry } from '../processes/profiler.registry.js';
import {
  PROCESS_DESCRIPTION,
  type ProcessDescription,
  SERVER_OPTIONS,
  type ServerOptions,
} from '../profiling.tokens.js';
import { terminalCommands } from './terminal.commands.js';

type Page = Pick<RecordingKind, 'description' | 'views'> & { readonly name: string };

const OTHER_PAGES: readonly Page[] = [
  {
    name: 'ui/',
    description: 'The flame graph viewer, speedscope. It also opens files that you drop on it.',
    views: [],
  },
  {
    name: '../vars',
    description: 'Memory, event loop, versions and uptime as JSON, like expvar in Go.',
    views: [],
  },
  {
    name: 'cmdline',
    description: 'The command line of the process, with NUL bytes between the arguments.',
    views: [],
  },
  {
    name: 'symbol',
    description: 'Looks up names of addresses; for go tool pprof, which needs it to answer.',
    views: [],
  },
];

/** The last ones; the list has all that are kept. */
const SHOWN_INCIDENTS = 5;

const STYLE = `
body { font-family: system-ui, sans-serif; margin: 2rem auto; max-width: 50rem; padding: 0 1rem; }
td, th { text-align: left; padding: 0.2rem 1rem 0.2rem 0; vertical-align: top; }
code { background: #f2f2f2; padding: 0 0.3em; }
`;

/** This one style, and nothing else. */
const CONTENT_SECURITY_POLICY = `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;

/** The page a person sees first. Its links are relative, so that they work behind a tunnel. @internal */
@Controller('debug/pprof')
export class IndexController {
  constructor(
    @Inject(PROCESS_DESCRIPTION) private readonly process: ProcessDescription,
    @Inject(SERVER_OPTIONS) private readonly options: ServerOptions,
    @Inject(ProfilerRegistry) private readonly registry: ProfilerRegistry,
    @Inject(ApplicationThreads) private readonly threads: Pick<ApplicationThreads, 'incidents'>,
    @Inject(Symbolizer) private readonly symbolizer: Symbolizer,
  ) {}

  @Get()
  async index(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    const { pid, title, entryScript, instance } = this.process;
    const { kinds, socketPath, needsCredentials, oomDirectory } = this.options;
    const oomProfiles = oomDirectory === undefined ? [] : await listOomProfiles(oomDirectory).catch(() => []);
    const pages = [...kinds, ...OTHER_PAGES];
    const commands = terminalCommands({
      host: request.headers.host ?? '',
      address: request.socket.localAddress,
      port: request.socket.localPort,
      socketPath,
      needsCredentials,
    });
    const incidents = this.threads.incidents
      ? await reportOf((await this.threads.incidents.list(false)).slice(0, SHOWN_INCIDENTS), this.symbolizer)
      : undefined;
    const others = await this.registry.others();
    const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>/debug/pprof/</title>
<style>${STYLE}</style>
</head>
<body>
<h1>/debug/pprof/</h1>
<p>${escapeHtml(title)}, pid ${pid}${instance === undefined ? '' : `, ${escapeHtml(instance)}`}, Node ${escapeHtml(process.version)}<br><code>${escapeHtml(entryScript)}</code></p>
<p>Set debug=1 as a query parameter to export in legacy text format, where the profile has one.</p>
<h2>Types of profiles available</h2>
<table>
${pages.map(rowOf).join('\n')}
</table>
${kinds.some(({ name }) => name === 'goroutine') ? '<p><a href="goroutine?debug=2">full goroutine stack dump</a></p>' : ''}
${incidents ? incidentTable(incidents) : ''}${oomTable(oomProfiles)}<h2>From a terminal</h2>
${commands.map(({ text, command }) => `<p>${escapeHtml(text)} <code>${escapeHtml(command)}</code></p>`).join('\n')}
${processTable(others, entryScript)}</body>
</html>
`;
    sendPage(response, Buffer.from(page), 'text/html; charset=utf-8', CONTENT_SECURITY_POLICY);
  }
}

function rowOf({ name, description, views }: Page): string {
  const links = views.map(
    ({ text, query, order }) =>
      ` <a href="ui/#profileURL=${encodeURIComponent(`../${name}${query}`)}&amp;view=${order}">${text}</a>`,
  );
  return `<tr><td><a href="${name}">${name}</a></td><td>${escapeHtml(description)}${links.join(',')}</td></tr>`;
}
