import { readFile } from 'node:fs/promises';
import { messageOf } from '../shared/pprof.error.js';
import { parseAddonHeap } from '../thread/pprof/allocation.tree.js';
import { encodePprof } from '../thread/pprof/pprof.encoder.js';
import { SourceMaps } from '../thread/pprof/source.maps.js';
import { Symbolizer } from '../thread/pprof/profile.symbolizer.js';
import { programPaths } from '../shared/program.paths.js';
import type { OomExportOptions } from '../shared/oom-profile.files.js';
import { oomProfileOf } from './oom.profile.js';
import { storeOomProfile } from './oom-profile.store.js';

// The entry of the process that the addon starts when the application's heap is full, with the options and the file that
// the addon has written as arguments. The application waits for it, for 15 s at the most: its end is its parent's, too.

const [, , options = '{}', file = ''] = process.argv;

exportProfile(JSON.parse(options) as OomExportOptions, file, process.ppid).catch((error: unknown) => {
  process.stderr.write(`nestjs-pprof: no heap profile is left behind: ${messageOf(error)}\n`);
  process.exitCode = 1;
});

async function exportProfile(exportOptions: OomExportOptions, addonFile: string, pid: number): Promise<void> {
  const writtenAt = new Date();
  const root = parseAddonHeap(await readFile(addonFile, 'utf8'));
  const { entryScript, root: directory } = programPaths(
    exportOptions.script,
    exportOptions.cwd,
    process.execPath,
  );
  const profile = oomProfileOf(root, exportOptions, pid, writtenAt);
  const symbolized = await new Symbolizer(new SourceMaps({ root: directory }), directory).symbolize(profile);
  await storeOomProfile(exportOptions, pid, writtenAt, await encodePprof(symbolized, entryScript));
}
