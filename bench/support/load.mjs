import { createRequire } from 'node:module';
import { cpuTime } from './proc.mjs';
import { quantile } from './statistics.mjs';

const autocannon = createRequire(new URL('../../apps/example/package.json', import.meta.url))('autocannon');

/** autocannon looks this often whether it has been stopped. */
const SAMPLE_MS = 100;

/**
 * Keeps `connections` clients busy, each sending its next request as soon as the last is answered, while `work` runs.
 * `work` gets a function that measures while whatever it is given runs.
 */
export async function underLoad({ url, path, connections, pid }, work) {
  let window;
  let failure;
  const load = autocannon({ url: url + path, connections, duration: 3600, sampleInt: SAMPLE_MS });
  load.on('response', (_client, status, _bytes, milliseconds) => {
    window?.latencies.push(milliseconds);
    if (status !== 200) {
      failure = `${path} answers ${status}`;
    }
  });
  load.on('reqError', (error) => {
    failure = `${path}: ${error.message}`;
  });

  async function measure(task) {
    const cpuBefore = cpuTime(pid);
    const start = performance.now();
    window = { latencies: [] };
    const { latencies } = window;
    await task();
    window = undefined;
    const seconds = (performance.now() - start) / 1000;
    const cpuAfter = cpuTime(pid);
    if (failure || latencies.length === 0) {
      throw new Error(failure ?? `${path} has not answered`);
    }
    return {
      requestsPerSecond: latencies.length / seconds,
      cpuMicrosPerRequest: (cpuAfter.process - cpuBefore.process) / 1000 / latencies.length,
      /** 1 means: the server was the bottleneck, so the throughput is its own and not the client's. */
      mainThreadBusy: (cpuAfter.mainThread - cpuBefore.mainThread) / 1e9 / seconds,
      p50: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
      max: quantile(latencies, 1),
    };
  }

  try {
    return await work(measure);
  } finally {
    load.stop();
    await load;
  }
}
