import type { Order, OrderLine } from '../orders/order.js';

export interface SalesReport {
  orders: number;
  bestCustomers: CustomerSales[];
  bestSellers: ProductSales[];
}

export interface CustomerSales {
  customerId: number;
  orders: number;
  cents: number;
}

export interface ProductSales {
  sku: string;
  quantity: number;
}

/** Correct and slow, the way such code gets written: a CPU profile of it points at `groupByCustomer`. */
export function buildSalesReport(orders: readonly Order[]): SalesReport {
  const customers = orders.reduce(groupByCustomer, []);
  const products = orders.slice(-500).reduce(groupByProduct, []);
  return {
    orders: orders.length,
    bestCustomers: customers.toSorted((a, b) => b.cents - a.cents).slice(0, 20),
    bestSellers: products.toSorted(byQuantity).slice(0, 5),
  };
}

/** The hot spot: searches the whole list for every order. A Map would find the customer at once. */
function groupByCustomer(sales: CustomerSales[], { customerId, totalCents }: Order): CustomerSales[] {
  for (const customer of sales) {
    if (customer.customerId === customerId) {
      customer.orders += 1;
      customer.cents += totalCents;
      return sales;
    }
  }
  return [...sales, { customerId, orders: 1, cents: totalCents }];
}

/** A smaller one: parses the same JSON text for every report, and sorts after every order. */
function groupByProduct(sales: ProductSales[], order: Order): ProductSales[] {
  for (const { sku, quantity } of JSON.parse(order.lines) as OrderLine[]) {
    const product = sales.find((candidate) => candidate.sku === sku);
    if (product === undefined) {
      sales.push({ sku, quantity });
    } else {
      product.quantity += quantity;
    }
  }
  return sales.sort(byQuantity);
}

function byQuantity(a: ProductSales, b: ProductSales): number {
  return b.quantity - a.quantity;
}
