import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { createServer as createNetServer, type Server as NetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { removeSocket } from '../../../shared/file.system.js';
import { ListenError, TakenError } from './port.listening.js';
import { listenOnSocket } from './socket.file.js';

let directory: string;
let path: string;
let servers: (Server | NetServer)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sock-'));
  path = join(directory, 'pprof.sock');
});

afterEach(() => {
  servers.forEach((server) => server.close());
  servers = [];
  rmSync(directory, { recursive: true, force: true });
});

function listen(at = path) {
  const server = createServer((_, response) => response.end('here'));
  servers.push(server);
  return listenOnSocket(server, at);
}

async function ask(): Promise<string> {
  const sent = request({ socketPath: path, path: '/', agent: false }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return text(response);
}

/** What a process that was killed leaves: a socket on which nobody listens. */
async function makeStaleSocket(): Promise<void> {
  const server = createNetServer().listen(join(directory, 'killed'));
  await once(server, 'listening');
  // So that libuv, when it closes, does not find what it would remove.
  renameSync(join(directory, 'killed'), path);
  server.close();
  await once(server, 'close');
  expect(lstatSync(path).isSocket()).toBe(true);
}

const itAsRoot = process.getuid?.() === 0 ? it : it.skip;

describe('listenOnSocket', () => {
  it('answers on a socket that is for this user alone, and leaves nothing else behind', async () => {
    const socket = await listen();
    expect(await ask()).toBe('here');
    const { mode, ino, dev } = lstatSync(path, { bigint: true });
    expect((Number(mode) & 0o777).toString(8)).toBe('600');
    expect(socket).toEqual({ path, ino, dev });
    expect(readdirSync(directory)).toEqual(['pprof.sock']);
  });

  it('replaces a socket on which nobody listens any more', async () => {
    await makeStaleSocket();
    const stale = lstatSync(path, { bigint: true }).ino;
    const socket = await listen();
    expect(await ask()).toBe('here');
    expect(socket.ino).not.toBe(stale);
    expect(readdirSync(directory)).toEqual(['pprof.sock']);
  });

  /** Refused, with these words, and nothing in the directory has changed. */
  async function expectRefusal(words: RegExp, at = path): Promise<void> {
    const before = readdirSync(directory);
    const failure = await listen(at).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ListenError);
    expect(failure instanceof TakenError ? failure.describe() : (failure as Error).message).toMatch(words);
    expect(readdirSync(directory)).toEqual(before);
  }

  it('leaves a socket alone on which somebody listens', async () => {
    await listen();
    await expectRefusal(/^another process listens on /);
    expect(await ask()).toBe('here');
  });

  it('leaves one alone whose listener does not speak HTTP', async () => {
    const other = createNetServer().listen(path);
    servers.push(other);
    await once(other, 'listening');
    await expectRefusal(/^another process listens on /);
  });

  it('leaves a file alone', async () => {
    writeFileSync(path, 'precious');
    await expectRefusal(/exists and is not a socket/);
    expect(readFileSync(path, 'utf8')).toBe('precious');
  });

  it('leaves a directory and a symbolic link alone, also one that leads nowhere', async () => {
    mkdirSync(path);
    await expectRefusal(/exists and is not a socket/);
    rmSync(path, { recursive: true });
    symlinkSync('/nowhere', path);
    await expectRefusal(/exists and is not a socket/);
  });

  itAsRoot('leaves the socket of another user alone, also a stale one', async () => {
    await makeStaleSocket();
    chownSync(path, 12_345, 12_345);
    await expectRefusal(/belongs to another user \(uid 12345\)/);
    expect(lstatSync(path).uid).toBe(12_345);
  });

  it('says that the directory is missing, or is none', async () => {
    await expectRefusal(/^the directory of .* does not exist/, join(directory, 'missing/pprof.sock'));
    writeFileSync(path, '');
    await expectRefusal(/^the directory of .* does not exist/, join(path, 'pprof.sock'));
  });

  it('says that a path is too long, and by how much', async () => {
    const longest = process.platform === 'linux' ? 107 : 103;
    const name = 'x'.repeat(longest - directory.length - 1);
    await expectRefusal(/ is 1 bytes too long /, join(directory, `${name}x`));
    await expectRefusal(/ bytes too long /, join(directory, 'ß'.repeat(name.length)));
    await listen(join(directory, name));
    expect(readdirSync(directory)).toEqual([name]);
  });

  it('says that the place for the making of it is too long: the directory of a short name', async () => {
    const deep = join(directory, 'x'.repeat(106 - directory.length - 3));
    mkdirSync(deep);
    await expectRefusal(/ bytes too long /, join(deep, 's'));
  });

  it('lets one of several win that start at the same time', async () => {
    await makeStaleSocket();
    const results = await Promise.allSettled([listen(), listen(), listen()]);
    const failures = results.filter((result) => result.status === 'rejected');
    expect(failures).toHaveLength(2);
    failures.forEach(({ reason }) => expect(reason).toBeInstanceOf(ListenError));
    expect(await ask()).toBe('here');
    expect(readdirSync(directory)).toEqual(['pprof.sock']);
  });

  it('closes without harm to what has taken its place', async () => {
    const socket = await listen();
    removeSocket(socket);
    await listen();
    servers[0]!.close();
    await once(servers[0]!, 'close');
    expect(await ask()).toBe('here');
  });
});

describe('removeSocket', () => {
  it('removes our socket, once', async () => {
    const socket = await listen();
    removeSocket(socket);
    expect(readdirSync(directory)).toEqual([]);
    expect(() => removeSocket(socket)).not.toThrow();
  });

  it('leaves what another process has made in its place', async () => {
    const socket = await listen();
    renameSync(path, join(directory, 'away'));
    writeFileSync(path, 'precious');
    removeSocket(socket);
    expect(readFileSync(path, 'utf8')).toBe('precious');
  });

  it('does not throw where it may not', async () => {
    const socket = await listen();
    chmodSync(directory, 0o500);
    expect(() => removeSocket(socket)).not.toThrow();
    chmodSync(directory, 0o700);
  });
});
