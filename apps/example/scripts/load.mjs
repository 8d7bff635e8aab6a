import autocannon from 'autocannon';

const json = { 'content-type': 'application/json' };

const reads = [
  { method: 'GET', path: '/orders?limit=50' },
  { method: 'GET', path: '/orders/42' },
  { method: 'GET', path: '/imports/stock/SKU-0007' },
  { method: 'GET', path: '/reports/sales' },
  { method: 'GET', path: '/health' },
];
const stockImport = {
  method: 'POST',
  path: '/imports/stock',
  headers: json,
  body: JSON.stringify({ supplier: 'Acme', lines: stockLines(20) }),
};
const login = {
  method: 'POST',
  path: '/accounts/login',
  headers: json,
  body: JSON.stringify({ email: 'ada@example.com', password: 'correct horse' }),
};

/** A working day in small: mostly reads, among them a report, and a login now and then. */
const requests = [...reads, stockImport, ...reads, stockImport, ...reads, stockImport, ...reads, login];

/** Keeps two clients busy until `work` is done. */
export async function underLoad(url, work) {
  const load = autocannon({ url, requests, connections: 2, duration: 600 });
  try {
    return await work();
  } finally {
    load.stop();
    await load;
  }
}

function stockLines(count) {
  return Array.from({ length: count }, (_, index) => ({
    sku: `SKU-${String(index + 1).padStart(4, '0')}`,
    quantity: index * 10,
  }));
}
