import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that a system gives to whoever asks for any port, as applications of other tests do all the time. */
const FIRST = 20_000;
const COUNT = 12_000;

/** A port of loopback on which nobody listens, and which nobody is given. */
export async function freePort(): Promise<number> {
  const port = FIRST + Math.floor(Math.random() * COUNT);
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
      return freePort();
    }
    throw error;
  }
  server.close();
  await once(server, 'close');
  return port;
}
