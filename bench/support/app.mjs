import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child } from './child.mjs';

const APP = fileURLToPath(new URL('../fixtures/app.mjs', import.meta.url));
const LISTENING = /^Listening on (http:\S+)$/;
const PROFILING = /Profiling server listening on (http:\/\/\S+?)\/?$/;

let directory;

/** For what profilers write where the process has been started, and for what is made; gone when this process ends. */
export function temporaryDirectory() {
  if (directory === undefined) {
    directory = mkdtempSync(join(tmpdir(), 'nestjs-pprof-bench-'));
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  }
  return directory;
}

/**
 * Starts the application of fixtures/app.mjs.
 *
 * @returns its addresses, `profiling` that of the index page without slash, and the process
 */
export async function startApp(node, config, { nodeArgs = [] } = {}) {
  const began = performance.now();
  const child = new Child({
    command: node.binary,
    args: ['--expose-gc', ...nodeArgs, APP, JSON.stringify(config)],
    cwd: temporaryDirectory(),
  });
  try {
    const serves = config.profiler === 'nestjs-pprof' && config.options?.enabled !== false;
    const [url, profiling] = await child.printed(serves ? [LISTENING, PROFILING] : [LISTENING]);
    return { child, url, profiling, startMillis: performance.now() - began };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** Starts it for as long as `work` runs. */
export async function withApp(node, config, work, options) {
  const app = await startApp(node, config, options);
  try {
    return await work(app);
  } finally {
    await app.child.stop();
  }
}

/** What a task costs the application meanwhile: the load's figures, and the main thread's by its own clock. */
export async function measured({ child }, measure, task) {
  const { throughput, p50, p99, result } = await measure(async () => {
    await child.ask('read');
    await task();
    return child.ask('read');
  });
  return { throughput, p50, p99, mainCpu: result.cpuMicros / result.answers, delay: result.delay };
}

/** Gets an address, and fails unless it is answered with 200. */
export async function get(url, { timeout = 60_000 } = {}) {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeout) });
  const body = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) {
    throw new Error(`${url} answers ${response.status} ${body.toString().trim().slice(0, 200)}`);
  }
  return body;
}
