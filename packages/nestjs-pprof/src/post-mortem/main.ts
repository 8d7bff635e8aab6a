import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../shared/pprof.error.js';
import { parseAddonHeap, LIVE_OBJECTS, samplesOfAllocations } from '../thread/pprof/allocation.tree.js';
import { encodePprof } from '../thread/pprof/pprof.encoder.js';
import { SourceMaps } from '../thread/pprof/source.maps.js';
import { Symbolizer, programPaths } from '../thread/pprof/profile.symbolizer.js';
import { NOT_RECORDED, type OomExportOptions, storeOomProfile } from '../shared/oom-profile.files.js';
import type { AllocationNode } from '../shared/agent.protocol.js';
import type { Profile } from '../thread/pprof/profile.model.js';
import { withoutOwnFrames } from '../thread/pprof/own.frames.js';

// The entry of the process that the addon starts when the application's heap is full, with the options and the file that
// the addon has written as arguments. The application waits for it, for 15 s at the most: its end is its parent's, too.

/** For the recording; this process has taken some fifty milliseconds to start. */
const LONGEST_WAIT_MILLIS = 100;
const WAIT_MILLIS = 5;

const [, , options = '{}', file = ''] = process.argv;

writeProfile(JSON.parse(options) as OomExportOptions, process.ppid).catch((error: unknown) => {
  process.stderr.write(`nestjs-pprof: no heap profile is left behind: ${messageOf(error)}\n`);
  process.exitCode = 1;
});

/** The profiling thread writes what the flight recorder has, while this process writes the heap. */
async function writeProfile(exportOptions: OomExportOptions, pid: number): Promise<void> {
  const { heaps, marker } = exportOptions;
  if (marker !== undefined) {
    await writeFile(marker, '', { mode: 0o600 }).catch(() => undefined);
  }
  // Either has its time where the other fails.
  await Promise.all([heaps && exportHeap(exportOptions, heaps, pid), marker && recordingWritten(marker)]);
}

async function recordingWritten(marker: string): Promise<void> {
  const until = Date.now() + LONGEST_WAIT_MILLIS;
  while (existsSync(marker) && Date.now() < until) {
    await sleep(WAIT_MILLIS);
  }
  if (existsSync(marker)) {
    process.stderr.write(`${NOT_RECORDED}\n`);
  }
}

async function exportHeap(
  exportOptions: OomExportOptions,
  heaps: NonNullable<OomExportOptions['heaps']>,
  pid: number,
): Promise<void> {
  const writtenAt = new Date();
  const root = parseAddonHeap(await readFile(file, 'utf8'));
  const { entryScript, root: directory } = programPaths(
    exportOptions.script,
    exportOptions.cwd,
    process.execPath,
  );
  const profile = oomProfileOf(root, exportOptions, pid, writtenAt);
  const symbolized = await new Symbolizer(new SourceMaps({ root: directory }), directory).symbolize(profile);
  await storeOomProfile(heaps, pid, writtenAt, await encodePprof(symbolized, entryScript));
}

/** The heap of the main thread at the moment when it was full. */
function oomProfileOf(
  root: AllocationNode,
  { samplingInterval, stackDepth, since, withGarbage, ownCode }: OomExportOptions,
  pid: number,
  takenAt: Date,
): Profile {
  const labels = { thread: 'main' };
  return {
    sampleTypes: LIVE_OBJECTS,
    periodType: { type: 'space', unit: 'bytes' },
    period: samplingInterval,
    samples: withoutOwnFrames(samplesOfAllocations(root, stackDepth), ownCode).map((sample) => ({
      ...sample,
      labels,
    })),
    startedAt: takenAt.getTime(),
    comments: [
      `nestjs-pprof: heap of pid ${pid} as it was full, node ${process.version} ${process.platform}-${process.arch}`,
      withGarbage
        ? `all objects allocated in a window of allocs?seconds= that was open, garbage too, one sample every ${samplingInterval} bytes`
        : `live objects, one sample every ${samplingInterval} bytes`,
      `threads: main (allocations since ${new Date(since).toISOString()}); heaps of worker threads, and memory outside V8's heap, are not in it`,
    ],
  };
}
