import { parentPort, workerData } from 'node:worker_threads';
import { join } from 'node:path';
import { messageOf } from '../../shared/pprof.error.js';
import { PACKAGE } from '../../shared/package.identity.js';
import { workingDirectory } from '../../shared/process.variables.js';
import type { FromThread, ThreadData, ToThread } from '../../shared/thread.protocol.js';
import { createAccessControl } from './access/access.control.js';
import { DeferredProgram } from './deferred.program.js';
import { createProfilingServer } from './http.listener.js';
import { listen } from './listening/listening.js';
import { ProfilerRegistry } from './profiler.registry.js';

// The entry of the profiling thread. It listens first; all else is evaluated when it is asked for.

const data = workerData as ThreadData;
const channel = parentPort!;

// Express parses some addresses in a way that is deprecated: with `--throw-deprecation` a client would end this thread, and else
// write to the application's stderr. With `--no-deprecation` it cannot be written.
Reflect.set(process, 'noDeprecation', true);

// Express and Nest ask for it as they are loaded, long after a deployment may have removed it.
const { cwd } = process;
process.cwd = () => workingDirectory(cwd);

tell({ type: 'hello', ...PACKAGE });

// From the beginning: what nobody listens to is kept.
channel.on('message', (message: ToThread) => {
  if (message.type === 'handlers-found') {
    data.handlers = message.classes;
  }
});

function tell(message: FromThread): void {
  channel.postMessage(message);
}

/** Read now: a deployment may take the files away under a process that runs. */
const deferred = new DeferredProgram<typeof import('./deferred.main.js')>(
  join(import.meta.dirname, 'application.cjs'),
);

const VIEWER = join(import.meta.dirname, '../viewer');

const registry = new ProfilerRegistry(data.registryDirectory);

const server = createProfilingServer(
  async () => deferred.load().createApplication(channel, data, registry, VIEWER),
  createAccessControl(data),
);

if (data.block.watch || data.flightRecorder) {
  deferred.load().threadsOf(channel, data);
}

// Such as the lack of a file descriptor for a client: not a reason to end.
server.on('error', () => undefined);

async function serve(): Promise<void> {
  const listening = await listen(
    server,
    data,
    (message) => tell({ type: 'address-taken', message }),
    (message) => tell({ type: 'warning', message }),
  );
  tell(listening);
  const address =
    listening.type === 'listening'
      ? { host: listening.host, port: listening.port, socketPath: null }
      : { host: null, port: null, socketPath: listening.socket.path };
  const entry = registry.register({ ...data.application, ...address });
  if (entry !== undefined) {
    tell({ type: 'registered', entry });
  }
}

serve().catch((error: unknown) => tell({ type: 'listen-failed', message: messageOf(error) }));
