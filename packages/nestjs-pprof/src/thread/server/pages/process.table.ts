import { escapeHtml } from './html.text.js';
import type { RunningProfiler } from '../processes/profiler.registry.js';

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
    `<code>${escapeHtml(`ssh -L ${tunnel} user@host`)}</code>`,
  ];
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}

function onPort(host: string, port: number): { link: string; tunnel: string } {
  const authority = host.includes(':') ? `[${host}]` : host === '127.0.0.1' ? 'localhost' : host;
  const url = `http://${authority}:${port}/debug/pprof/`;
  return { link: `<a href="${escapeHtml(url)}">${port}</a>`, tunnel: `${port}:${authority}:${port}` };
}

/** No link leads to a socket. */
function onSocket(path: string): { link: string; tunnel: string } {
  return { link: `<code>${escapeHtml(path)}</code>`, tunnel: `6060:${path}` };
}
