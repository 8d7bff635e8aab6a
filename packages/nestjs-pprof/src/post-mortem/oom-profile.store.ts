import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listOomProfiles, oomProfileName } from '../shared/oom-profile.files.js';

/** What a process that was killed while it wrote has left. */
const UNFINISHED = /^\.oom-\d+\.tmp$/;

/** @internal */
export interface OomStoreLimits {
  readonly directory: string;
  readonly maxFiles: number;
  readonly maxBytes: number;
}

/**
 * Writes a profile for its owner alone, whole or not at all, and deletes the oldest ones beyond the limits.
 *
 * @throws where it is larger than all of them may be together, or cannot be written.
 * @internal
 */
export async function storeOomProfile(
  { directory, maxFiles, maxBytes }: OomStoreLimits,
  pid: number,
  writtenAt: Date,
  content: Uint8Array,
): Promise<void> {
  if (content.length > maxBytes) {
    throw new Error(`it has ${content.length} bytes, and "outOfMemory.maxBytes" is ${maxBytes}`);
  }
  const unfinished = (await readdir(directory)).filter((name) => UNFINISHED.test(name));
  const kept = await listOomProfiles(directory);
  // Before the new one is written: the disk may be full.
  let bytes = content.length;
  const surplus = kept.filter((file, index) => {
    bytes += file.bytes;
    return index + 1 >= maxFiles || bytes > maxBytes;
  });
  const obsolete = [...unfinished, ...surplus.map(({ name }) => name)];
  await Promise.all(
    obsolete.map((name) => rm(join(directory, name), { force: true }).catch(() => undefined)),
  );
  const temporary = join(directory, `.oom-${pid}.tmp`);
  await writeFile(temporary, content, { mode: 0o600, flag: 'wx' });
  await rename(temporary, join(directory, oomProfileName(pid, writtenAt)));
}
