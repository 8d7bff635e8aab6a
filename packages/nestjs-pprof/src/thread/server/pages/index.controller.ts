import { createHash } from 'node:crypto';
import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RecordingKind } from '../../profiles/recording.kind.js';
import { listOomProfiles, type OomProfileFile } from '../../../shared/oom-profile.files.js';
import { sendPage } from '../http.response.js';
import { ApplicationThreads } from '../../capture/application.threads.js';
import { Symbolizer } from '../../pprof/profile.symbolizer.js';
import { ProfilerRegistry, type RunningProfiler } from '../profiler.registry.js';
import { type ReportedIncident, reportOf } from './incidents.controller.js';
import {
  PROCESS_DESCRIPTION,
  type ProcessDescription,
  SERVER_OPTIONS,
  type ServerOptions,
} from '../profiling.tokens.js';
import { terminalCommands, tunnelCommand, withPort } from './terminal.commands.js';

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

/** Text as it is written in HTML, also within quotes. */
function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!);
}

/** The last incidents, of the flight recorder. @returns HTML. */
function incidentTable(incidents: readonly ReportedIncident[]): string {
  const rows = incidents.map(({ from, text, stacks: [first], profile }) => {
    // What Node and V8 have in front of it tells less.
    const seen = (first?.frames.find(({ file }) => /^(?!node:)./.test(file)) ?? first?.frames[0])?.name;
    const flameGraph = `ui/#profileURL=${encodeURIComponent(`../${profile}`)}&amp;view=left-heavy`;
    return `<tr><td>${from}</td><td>${escapeHtml(text)}${seen === undefined ? '' : `, in ${escapeHtml(seen)}`} <a href="${escapeHtml(profile)}">profile</a>, <a href="${flameGraph}">flame graph</a></td></tr>`;
  });
  return `<h2>Incidents</h2>
${rows.length === 0 ? '<p>None so far. ' : `<table>\n${rows.join('\n')}\n</table>\n<p>`}<a href="incidents">All that are kept</a>, <a href="incidents?format=json">as JSON</a>; <a href="ui/#profileURL=${encodeURIComponent('../profile?past=60')}&amp;view=left-heavy">flame graph of the last minute</a></p>
`;
}

/** What processes have left behind when they ran out of memory. @returns HTML; empty where there is none. */
function oomTable(files: readonly OomProfileFile[]): string {
  if (files.length === 0) {
    return '';
  }
  const rows = files.map(
    ({ name, pid, writtenAt, bytes }) =>
      `<tr><td><a href="oom/${name}">${name}</a></td><td>pid ${pid}, ${writtenAt.toISOString()}, ${bytes} bytes</td></tr>`,
  );
  return `<h2>Heap profiles of processes that ran out of memory</h2>
<table>
${rows.join('\n')}
</table>
`;
}

/**
 * The other processes whose profiles can be had, those of the same program first: for who has found one process of a
 * cluster and wants another.
 *
 * @param program absolute path of this process's script.
 * @returns HTML; empty where there are none.
 * @internal
 */
export function processTable(others: readonly RunningProfiler[], program: string): string {
  if (others.length === 0) {
    return '';
  }
  const siblings = others.filter((other) => other.program === program);
  const strangers = others.filter((other) => other.program !== program);
  return `${section('Other processes of this service', siblings)}${section('Other services', strangers)}
<p>The links work on the host itself, or with the port forwarded: a tunnel to this page does not reach the others.</p>
`;
}

function section(title: string, processes: readonly RunningProfiler[]): string {
  if (processes.length === 0) {
    return '';
  }
  return `<h2>${title}</h2>
<table>
<tr><th>port or socket</th><th>pid</th><th>process</th><th>from another machine</th></tr>
${processes.map(row).join('\n')}
</table>
`;
}

function row({ pid, title, program, instance, host, port, socketPath }: RunningProfiler): string {
  const name = [instance, title].filter((part) => part !== null).join(', ');
  const { link, tunnel } = socketPath === null ? onPort(host!, port!) : onSocket(socketPath);
  const cells = [
    link,
    String(pid),
    `${escapeHtml(name)}<br><code>${escapeHtml(program)}</code>`,
    `<code>${escapeHtml(tunnel)}</code>`,
  ];
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}

function onPort(host: string, port: number): { link: string; tunnel: string } {
  const address = withPort(host, port);
  const link = `<a href="${escapeHtml(`http://${address}/debug/pprof/`)}">${port}</a>`;
  return { link, tunnel: tunnelCommand(port, address) };
}

/** No link leads to a socket. */
function onSocket(path: string): { link: string; tunnel: string } {
  return { link: `<code>${escapeHtml(path)}</code>`, tunnel: tunnelCommand(6060, path) };
}
