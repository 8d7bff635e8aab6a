import {
  type BigIntStats,
  chmodSync,
  linkSync,
  mkdtempSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { connect, type Server } from 'node:net';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { type SocketFile, statOfSocket } from '../../../shared/file.system.js';
import { tried } from '../../../shared/pprof.error.js';
import { ListenError, TakenError } from './port.listening.js';

/** Bytes of `sun_path` in unix(7), without the NUL at its end. A longer path is cut or refused, as the system likes. */
const LONGEST_PATH = process.platform === 'linux' ? 107 : 103;

const OTHER_PATH = 'Give this one another path (option "socketPath")';

/** Short, as a path must be: of the directory in which the socket is made, without and with the random part of it. */
const PRIVATE_PREFIX = '.s';
const PRIVATE_NAME = `${PRIVATE_PREFIX}XXXXXX`;

/**
 * Listens on a unix socket that nobody but this user can ever open. Its mode is that of the umask when it is made, and a
 * worker thread cannot change the umask: so it is made in a private directory, and gets its name when its mode is right.
 * As a hard link, which, unlike a renamed file, never replaces what is there.
 *
 * @throws {ListenError} where the path cannot be had, with cause and remedy; nothing is left behind then.
 * @internal
 */
export async function listenOnSocket(server: Server, path: string): Promise<SocketFile> {
  refuseLongPath(path);
  const directory = makePrivateDirectory(path);
  const socket = join(directory, 's');
  const aside = join(directory, 'stale');
  try {
    server.listen(socket);
    await once(server, 'listening');
    chmodSync(socket, 0o600);
    await moveStaleSocket(path, aside);
    const { dev, ino } = statOfSocket(socket)!;
    linkSync(socket, path);
    return { path, dev, ino };
  } catch (error) {
    server.close();
    throw isTaken(error)
      ? new TakenError(() => `another process has just made ${path}. ${OTHER_PATH}`)
      : error;
  } finally {
    removeAll([socket, aside], directory);
  }
}

/** Not with `rmSync`, which looks at what it removes; see `statOfSocket`. */
function removeAll(files: readonly string[], directory: string): void {
  // Not each was made, or moved there.
  files.forEach((file) => tried(() => unlinkSync(file)));
  tried(() => rmdirSync(directory));
}

/** Its name is there already, or the stale one has just been taken away. */
function isTaken(error: unknown): boolean {
  return ['EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '');
}

function refuseLongPath(path: string): void {
  const longest = Math.max(
    ...[path, join(dirname(path), PRIVATE_NAME, 's')].map((name) => Buffer.byteLength(name)),
  );
  if (longest > LONGEST_PATH) {
    throw new ListenError(
      `the path ${path} is ${longest - LONGEST_PATH} bytes too long for a unix socket. Choose a shorter directory or name`,
    );
  }
}

function makePrivateDirectory(path: string): string {
  try {
    // Its mode is 0700.
    return mkdtempSync(join(dirname(path), PRIVATE_PREFIX));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new ListenError(
      code === 'ENOENT' || code === 'ENOTDIR'
        ? `the directory of ${path} does not exist. Create it, writable for this user alone`
        : `no socket can be made in the directory of ${path}: ${message}`,
    );
  }
}

/** Moves away what a process that was killed has left; then looks at it again, as another process may have been quicker. */
async function moveStaleSocket(path: string, aside: string): Promise<void> {
  const stale = await staleSocketAt(path);
  if (stale === undefined) {
    return;
  }
  renameSync(path, aside);
  if (statOfSocket(aside)?.ino !== stale.ino) {
    linkSync(aside, path);
    throw new TakenError(() => `another process has just made ${path}. ${OTHER_PATH}`);
  }
}

/** @throws {ListenError} for anything that is there and is not a socket of ours on which nobody listens. */
async function staleSocketAt(path: string): Promise<BigIntStats | undefined> {
  const found = statOfSocket(path);
  if (found === undefined) {
    return undefined;
  }
  if (!found.isSocket()) {
    throw new ListenError(
      `${path} exists and is not a socket. Remove it, or give this process another path (option "socketPath")`,
    );
  }
  if (Number(found.uid) !== process.geteuid?.()) {
    throw new ListenError(`the socket ${path} belongs to another user (uid ${found.uid}). ${OTHER_PATH}`);
  }
  const problem = await problemOfConnecting(path);
  if (problem === undefined) {
    throw new TakenError(() => `another process listens on ${path}. ${OTHER_PATH}, or stop the other`);
  }
  if (problem.code !== 'ECONNREFUSED') {
    throw new ListenError(`the socket ${path} cannot be replaced: ${problem.message}`);
  }
  return found;
}

function problemOfConnecting(path: string): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(undefined);
    });
    probe.once('error', resolve);
  });
}
