import type { OomProfileFile } from '../../../shared/oom-profile.files.js';
import type { RunningProfiler } from '../../../shared/process.variables.js';
import type { ReportedIncident } from './incidents.controller.js';
import { commandForAll, ownAddress, type Reach, tunnelCommand, withPort } from './terminal.commands.js';

/** Text as it is written in HTML, also within quotes. @internal */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!);
}

/** The last incidents, of the flight recorder. @returns HTML. @internal */
export function incidentTable(incidents: readonly ReportedIncident[]): string {
  const rows = incidents.map(({ from, text, stacks: [first], profile }) => {
    // What Node and V8 have in front of it tells less.
    const seen = (first?.frames.find(({ file }) => /^(?!node:)./.test(file)) ?? first?.frames[0])?.name;
    const links =
      profile === null
        ? ''
        : ` <a href="${escapeHtml(profile)}">profile</a>, <a href="ui/#profileURL=${encodeURIComponent(`../${profile}`)}&amp;view=left-heavy">flame graph</a>`;
    return `<tr><td>${from}</td><td>${escapeHtml(text)}${seen === undefined ? '' : `, in ${escapeHtml(seen)}`}${links}</td></tr>`;
  });
  return `<h2>What happened: incidents</h2>
${rows.length === 0 ? '<p>None so far. ' : `<table>\n${rows.join('\n')}\n</table>\n<p>`}<a href="incidents">All that are kept</a>, <a href="incidents?format=json">as JSON</a>; <a href="ui/#profileURL=${encodeURIComponent('../profile?past=60')}&amp;view=left-heavy">flame graph of the last minute</a></p>
`;
}

/** What processes have left behind. @returns HTML; empty where there is nothing. @internal */
export function postMortemTable(heading: string, path: string, files: readonly OomProfileFile[]): string {
  if (files.length === 0) {
    return '';
  }
  const rows = files.map(
    ({ name, pid, writtenAt, bytes }) =>
      `<tr><td><a href="${path}/${name}">${name}</a></td><td>pid ${pid}, ${writtenAt.toISOString()}, ${bytes} bytes</td></tr>`,
  );
  return `<h2>${heading}</h2>
<table>
${rows.join('\n')}
</table>
`;
}

/**
 * The other processes whose profiles can be had, for who has found one of a cluster and wants another.
 *
 * @param program absolute path of this process's script.
 * @returns HTML; empty where there are none.
 * @internal
 */
export function processTable(others: readonly RunningProfiler[], program: string, reach: Reach): string {
  if (others.length === 0) {
    return '';
  }
  const siblings = others.filter((other) => other.program === program);
  const strangers = others.filter((other) => other.program !== program);
  return `${section('Other processes of this service', siblings)}${allTogether(siblings, reach)}${section('Other services', strangers)}
<p>The links work on the host itself, or with the port forwarded: a tunnel to this page does not reach the others.</p>
`;
}

/** Where this one and others have ports. */
function allTogether(siblings: readonly RunningProfiler[], reach: Reach): string {
  const addresses = siblings.flatMap(({ host, port }) =>
    host === null || port === null ? [] : [withPort(host, port)],
  );
  if (addresses.length === 0 || reach.socketPath !== undefined) {
    return '';
  }
  const command = commandForAll([ownAddress(reach), ...addresses], reach.needsCredentials);
  return `<p>All of them together, in one profile: <code>${escapeHtml(command)}</code></p>
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
  const address = socketPath ?? withPort(host!, port!);
  // No link leads to a socket.
  const link =
    socketPath === null
      ? `<a href="${escapeHtml(`http://${address}/debug/pprof/`)}">${port}</a>`
      : `<code>${escapeHtml(socketPath)}</code>`;
  const cells = [
    link,
    String(pid),
    `${escapeHtml(name)}<br><code>${escapeHtml(program)}</code>`,
    `<code>${escapeHtml(tunnelCommand(port ?? 6060, address))}</code>`,
  ];
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}
