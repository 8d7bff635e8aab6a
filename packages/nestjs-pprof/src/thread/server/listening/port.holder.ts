import { readdir, readFile, readlink } from 'node:fs/promises';

const LISTENING = '0A';

/**
 * Who listens on a port, as far as Linux tells; undefined elsewhere, and where nobody does any more.
 * https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html
 *
 * @internal
 */
export async function holderOf(port: number): Promise<'this process itself' | 'another process' | undefined> {
  const tables = ['tcp', 'tcp6'].map((name) => readFile(`/proc/self/net/${name}`, 'latin1').catch(() => ''));
  const sockets = (await Promise.all(tables))
    .flatMap((table) => table.split('\n'))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', , state]) => state === LISTENING && parseInt(local.split(':')[1]!, 16) === port)
    .map(([, , , , , , , , , inode]) => `socket:[${inode}]`);
  if (sockets.length === 0) {
    return undefined;
  }
  const descriptors = await readdir('/proc/self/fd').catch(() => []);
  const own = descriptors.map((descriptor) => readlink(`/proc/self/fd/${descriptor}`).catch(() => ''));
  return (await Promise.all(own)).some((target) => sockets.includes(target))
    ? 'this process itself'
    : 'another process';
}
