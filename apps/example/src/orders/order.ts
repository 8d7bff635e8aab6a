export interface Order {
  id: number;
  customerId: number;
  placedAt: string;
  totalCents: number;
  /** `OrderLine[]` as JSON text, the way it comes out of the database's column. */
  lines: string;
}

export interface OrderLine {
  sku: string;
  quantity: number;
  cents: number;
}
