import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { lstat, readdir, rename, rm, writeFile } from './file.system.js';
import {
  type LeftBehind,
  listOomProfiles,
  type OomProfileFile,
  oomProfileName,
} from './oom-profile.files.js';

/** What a process that was killed while it wrote has left. */
const UNFINISHED = /^\.(oom|flight)-\d+(-[0-9a-f]{8})?\.(tmp|full)$/;

/** Four times as long as the addon lets anyone write: what is younger is another process's, which is at it. */
const ABANDONED_AFTER_MILLIS = 60_000;

/** Of files of one kind: those of the other are counted apart. */
interface OomStoreLimits {
  readonly directory: string;
  readonly maxFiles: number;
  readonly maxBytes: number;
}

/**
 * Writes a profile for its owner alone, whole or not at all, and deletes the oldest ones beyond the limits.
 *
 * @param unique of one that may be there already, to be replaced
 *
 * @throws where it is larger than all of them may be together, or cannot be written.
 * @internal
 */
export async function storeOomProfile(
  { directory, maxFiles, maxBytes }: OomStoreLimits,
  pid: number,
  writtenAt: Date,
  content: Uint8Array,
  kind: LeftBehind = 'oom',
  unique = randomBytes(4).toString('hex'),
): Promise<void> {
  if (content.length > maxBytes) {
    throw new Error(`it has ${content.length} bytes, and "outOfMemory.maxBytes" is ${maxBytes}`);
  }
  const fileName = oomProfileName(pid, writtenAt, unique, kind);
  // Before the new one is written: the disk may be full.
  await deleteOldest(
    { directory, maxFiles: maxFiles - 1, maxBytes: maxBytes - content.length },
    kind,
    ({ name }) => name !== fileName,
  );
  const temporary = join(directory, `.${kind}-${pid}-${unique}.tmp`);
  try {
    await writeFile(temporary, content, { mode: 0o600, flag: 'wx' });
    await rename(temporary, join(directory, fileName));
  } catch (error) {
    // A half of it would keep the disk full.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Deletes the oldest ones beyond the limits, and what was left half written. @internal */
export async function deleteOldest(
  { directory, maxFiles, maxBytes }: OomStoreLimits,
  kind: LeftBehind,
  isOld: (file: OomProfileFile) => boolean = () => true,
): Promise<void> {
  const abandoned = await abandonedIn(directory);
  let bytes = 0;
  const surplus = (await listOomProfiles(directory, kind)).filter(isOld).filter((file, index) => {
    bytes += file.bytes;
    return index >= maxFiles || bytes > maxBytes;
  });
  const obsolete = [...abandoned, ...surplus.map(({ name }) => name)];
  await Promise.all(
    obsolete.map((name) => rm(join(directory, name), { force: true }).catch(() => undefined)),
  );
}

async function abandonedIn(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => UNFINISHED.test(name));
  const abandonedBefore = Date.now() - ABANDONED_AFTER_MILLIS;
  const ages = await Promise.all(
    names.map(async (name) => {
      const stats = await lstat(join(directory, name)).catch(() => undefined);
      return { name, isAbandoned: stats !== undefined && stats.mtimeMs < abandonedBefore };
    }),
  );
  return ages.filter(({ isAbandoned }) => isAbandoned).map(({ name }) => name);
}
