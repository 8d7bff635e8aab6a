import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../shared/error.message.js';
import type { ApplicationThreads } from '../capture/application.threads.js';
import type { FromThread, ThreadData } from '../../shared/thread.protocol.js';
import { createAccessControl } from './access/access.control.js';
import { createProfilingServer } from './http.listener.js';
import { listen } from './listening/listening.js';
import { ProfilerRegistry } from './processes/profiler.registry.js';

// The entry of the profiling thread. It listens first; all else is loaded when it is asked for.

const data = workerData as ThreadData;
const channel = parentPort!;

// From the beginning: what nobody listens to is kept.
channel.on('message', () => undefined);

let threads: Promise<ApplicationThreads> | undefined;

function loadThreads(): Promise<ApplicationThreads> {
  threads ??= import('../capture/application.threads.js').then(
    (module) => new module.ApplicationThreads(channel, data),
  );
  return threads;
}

function tell(message: FromThread): void {
  channel.postMessage(message);
}

const registry = new ProfilerRegistry(data.registryDirectory);

const server = createProfilingServer(async () => {
  const { createProfilingApplication } = await import('./profiling.application.js');
  return createProfilingApplication(data, await loadThreads(), registry);
}, createAccessControl(data));

if (data.block.watch) {
  void loadThreads();
}

// Such as the lack of a file descriptor for a client: not a reason to end.
server.on('error', () => undefined);

async function serve(): Promise<void> {
  const listening = await listen(server, data, {
    onTaken: (message) => tell({ type: 'place-taken', message }),
    onHalfTaken: (message) => tell({ type: 'warning', message }),
  });
  tell(listening);
  const address =
    listening.type === 'listening'
      ? { host: listening.host, port: listening.port, socketPath: null }
      : { host: null, port: null, socketPath: listening.socket.path };
  const entry = await registry.register({ ...data.application, ...address });
  if (entry !== undefined) {
    tell({ type: 'registered', entry });
  }
}

serve().catch((error: unknown) => tell({ type: 'listen-failed', message: messageOf(error) }));
