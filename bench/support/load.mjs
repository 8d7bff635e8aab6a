import { createRequire } from 'node:module';
import { quantile } from './statistics.mjs';

const require = createRequire(new URL('../../apps/example/package.json', import.meta.url));

/** autocannon looks this often whether it has been stopped. */
const SAMPLE_MS = 100;

const STOCK = {
  supplier: 'bench',
  lines: [7, 14, 21, 28, 35, 42, 49, 56].map((number) => ({
    sku: `SKU-${String(number).padStart(4, '0')}`,
    quantity: number,
  })),
};

/** A list as JSON. */
export const LIST = [{ method: 'GET', path: '/orders?limit=100' }];

/** A body that is parsed, checked and imported: everything is copied for each of its lines. */
export const IMPORTS = [
  {
    method: 'POST',
    path: '/imports/stock',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(STOCK),
  },
];

export const MIXED = [...LIST, { method: 'GET', path: '/orders/4711' }, ...IMPORTS];

/** Does next to nothing: whatever a request costs shows most here. */
export const LIGHT = [{ method: 'GET', path: '/health' }];

/**
 * Keeps `connections` clients busy, each sending its next request as soon as the last is answered, while `work` runs.
 * `work` gets a function that measures while whatever it is given runs.
 */
export async function underLoad({ url, requests = MIXED, connections = 10 }, work) {
  const autocannon = require('autocannon');
  let window;
  let failure;
  const load = autocannon({ url, requests, connections, duration: 3600, sampleInt: SAMPLE_MS });
  load.on('response', (_client, status, _bytes, milliseconds) => {
    window?.push(milliseconds);
    if (status !== 200) {
      failure = `${url} answers ${status} under load`;
    }
  });
  load.on('reqError', (error) => {
    failure = `${url} under load: ${error.message}`;
  });

  async function measure(task) {
    const start = performance.now();
    const latencies = [];
    window = latencies;
    const result = await task();
    window = undefined;
    const seconds = (performance.now() - start) / 1000;
    if (failure || latencies.length === 0) {
      throw new Error(failure ?? `${url} does not answer under load`);
    }
    return {
      answers: latencies.length,
      throughput: latencies.length / seconds,
      p50: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
      result,
    };
  }

  try {
    return await work(measure);
  } finally {
    load.stop();
    await load;
  }
}
