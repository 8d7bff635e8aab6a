import type { RequestListener } from 'node:http';
import type { MessagePort } from 'node:worker_threads';
import type { ThreadData } from '../../shared/thread.protocol.js';
import { ApplicationThreads } from '../capture/application.threads.js';
import { RecordingWriter } from '../profiles/recording.writer.js';
import type { ProfilerRegistry } from './profiler.registry.js';

// The second step of the profiling thread: bundled into a file of its own, see `deferred.program.ts`.

let threads: ApplicationThreads | undefined;

/** The application's threads, the same at each call. @internal */
export function threadsOf(channel: MessagePort, data: ThreadData): ApplicationThreads {
  if (!threads) {
    threads = new ApplicationThreads(channel, data);
    const { recorder } = threads;
    const { flightRecorder: recording } = data;
    if (recorder && recording?.directory !== undefined) {
      const { directory } = recording;
      new RecordingWriter(channel, { ...data, recorder, recording: { ...recording, directory } }).start();
    }
  }
  return threads;
}

/** Makes what answers the requests. @internal */
export async function createApplication(
  channel: MessagePort,
  data: ThreadData,
  registry: ProfilerRegistry,
  viewerDirectory: string,
): Promise<RequestListener> {
  // Evaluated by the first request: what watches the event loop from the start does without Nest.
  const { createProfilingApplication } = await import('./profiling.application.js');
  return createProfilingApplication(data, threadsOf(channel, data), registry, viewerDirectory);
}
