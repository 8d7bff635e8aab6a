import type { AddressInfo } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../error.message.js';
import { isLoopback } from '../loopback.js';
import type { ApplicationThreads } from '../threads/application.threads.js';
import type { FromThread, ThreadData } from '../thread.protocol.js';
import { createAccessControl } from './access.control.js';
import { createProfilingServer } from './http.listener.js';

// The entry of the profiling thread. It listens first; all else is loaded when it is asked for.

const data = workerData as ThreadData;
const { host, port, socketPath } = data;
const channel = parentPort!;

// From the beginning: what nobody listens to is kept.
channel.on('message', () => undefined);

let threads: Promise<ApplicationThreads> | undefined;

function loadThreads(): Promise<ApplicationThreads> {
  threads ??= import('../threads/application.threads.js').then(
    (module) => new module.ApplicationThreads(channel, data),
  );
  return threads;
}

function tell(message: FromThread): void {
  channel.postMessage(message);
}

const server = createProfilingServer(async () => {
  const { createProfilingApplication } = await import('./profiling.application.js');
  return createProfilingApplication(data, await loadThreads());
}, createAccessControl(data));

if (data.block.watch) {
  void loadThreads();
}

if (socketPath === undefined) {
  listenOnPort();
} else {
  void listenOnSocketAt(socketPath);
}

function listenOnPort(): void {
  server.on('error', (error: NodeJS.ErrnoException) => {
    tell({ type: 'listen-failed', message: explain(error) });
  });
  server.listen(port, host, () => {
    const { address, port: actualPort } = server.address() as AddressInfo;
    if (isLoopback(address)) {
      tell({ type: 'listening', host: address, port: actualPort });
    } else {
      server.close();
      tell({
        type: 'listen-failed',
        message: `${host} is ${address} on this machine, which is not a loopback address`,
      });
    }
  });
}

async function listenOnSocketAt(path: string): Promise<void> {
  const { listenOnSocket } = await import('./socket.file.js');
  try {
    tell({ type: 'listening-on-socket', socket: await listenOnSocket(server, path) });
  } catch (error) {
    tell({ type: 'listen-failed', message: messageOf(error) });
  }
}

function explain(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') {
    return (
      `port ${port} on ${host} is taken by another process. Give this one another port (option "port", 0 for any free ` +
      'one), or stop the other'
    );
  }
  if (error.code === 'EACCES') {
    return `this user may not listen on port ${port}. Choose one above 1023`;
  }
  return error.message;
}
