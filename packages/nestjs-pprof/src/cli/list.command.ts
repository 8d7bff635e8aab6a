import { registryDirectory } from '../shared/registry.directory.js';
import type { RunningProfiler } from '../shared/process.variables.js';
import { ProfilerRegistry } from '../thread/server/profiler.registry.js';
import { printable } from '../thread/pprof/profile.model.js';

/** The processes of this user, on this machine and in this container, that can be profiled. @internal */
export function runningProfilers(): RunningProfiler[] {
  return new ProfilerRegistry(registryDirectory()).others();
}

/** As text for people, or as JSON. @internal */
export function listText(running: readonly RunningProfiler[], json: boolean): string {
  if (json) {
    return `${JSON.stringify(running, null, 2)}\n`;
  }
  if (running.length === 0) {
    return `none: no process of this user with PprofModule on is noted in ${registryDirectory()}. Those of another user: run this as that user; of a service with a TMPDIR of its own (systemd PrivateTmp, a container): run it there, or name the port or socket\n`;
  }
  const rows = [
    ['port or socket', 'pid', 'process', 'program'],
    ...running.map(({ pid, title, instance, program, port, socketPath }) =>
      [socketPath ?? String(port), String(pid), [instance, title].filter(Boolean).join(', '), program].map(
        (text) => printable(text),
      ),
    ),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) => `${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ')}\n`)
    .join('');
}
