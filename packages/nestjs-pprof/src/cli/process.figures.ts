import type { ProcessVariables } from '../shared/process.variables.js';
import { printable } from '../thread/pprof/profile.model.js';
import { megabytes } from '../thread/pprof/profile.text.js';
import { shortDuration } from './terminal.text.js';

/** What is known of a process at a moment. @internal */
export interface Observation {
  readonly at: number;
  readonly variables: ProcessVariables;
}

/** Two lines about the process: what it is, and how it is. Rates are those since the observation before. @internal */
export function figureLines({ at, variables }: Observation, before: Observation | undefined): string[] {
  const { pid, title, instance, versions, uptimeSeconds, memory, heap, eventLoop, threads } = variables;
  const name = [title, instance].filter((part): part is string => Boolean(part)).join(', ');
  // Not its utilization: while a sampler runs, each signal takes idle time from what libuv counts.
  const loop =
    eventLoop.delayMillis === null
      ? `event loop has NOT TURNED since ${eventLoop.lastTurn}`
      : `event loop delay ${eventLoop.delayMillis.toFixed(1)} ms`;
  return [
    `${name}  pid ${pid}  Node ${versions['node'] ?? '?'}  up ${shortDuration(uptimeSeconds)}`,
    [
      cpuFigure({ at, variables }, before),
      heap
        ? `heap ${megabytes(heap['used_heap_size'] ?? 0)} of ${megabytes(heap['heap_size_limit'] ?? 0)}`
        : 'heap ?',
      `RSS ${megabytes(memory.rss)}`,
      loop,
      ...(threads === null ? [] : [`${threads} threads`]),
    ].join('  '),
  ].map((line) => printable(line, 300));
}

function cpuFigure({ at, variables }: Observation, before: Observation | undefined): string {
  const { cpuSeconds, processors } = variables;
  const limit = `of ${Number(processors.count.toFixed(2))} processors`;
  if (before === undefined || at <= before.at) {
    return `CPU ? ${limit}`;
  }
  const seconds = (at - before.at) / 1000;
  const then = before.variables.cpuSeconds;
  const used = (cpuSeconds.user + cpuSeconds.system - then.user - then.system) / seconds;
  const main =
    cpuSeconds.mainThread === null || then.mainThread === null
      ? ''
      : ` (main ${((cpuSeconds.mainThread - then.mainThread) / seconds).toFixed(2)})`;
  return `CPU ${used.toFixed(2)} ${limit}${main}`;
}
