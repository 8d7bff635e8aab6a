import type { Order, OrderLine } from './order.js';

const CUSTOMERS = 2_500;
const ORDERS = 20_000;
const FIRST_ORDER = Date.UTC(2026, 0, 1);
const BETWEEN_ORDERS_MS = 20 * 60_000;

export const SKUS = Array.from({ length: 60 }, (_, index) => `SKU-${String(index + 1).padStart(4, '0')}`);

/** The same orders on every start, so that profiles of two runs can be compared. */
export function seedOrders(): Order[] {
  const random = seededRandom(20_260_101);
  return Array.from({ length: ORDERS }, (_, index) => {
    const lines = seedLines(random);
    return {
      id: index + 1,
      customerId: 1 + random(CUSTOMERS),
      placedAt: new Date(FIRST_ORDER + index * BETWEEN_ORDERS_MS).toISOString(),
      totalCents: lines.reduce((total, { quantity, cents }) => total + quantity * cents, 0),
      lines: JSON.stringify(lines),
    };
  });
}

function seedLines(random: (below: number) => number): OrderLine[] {
  return Array.from({ length: 1 + random(5) }, () => ({
    sku: `SKU-${String(1 + random(SKUS.length)).padStart(4, '0')}`,
    quantity: 1 + random(9),
    cents: 100 + random(20_000),
  }));
}

/** Numerical Recipes' linear congruential generator: Math.random cannot be seeded. */
function seededRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
