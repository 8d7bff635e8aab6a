import { Injectable, NotFoundException } from '@nestjs/common';
import type { Order } from './order.js';
import { seedOrders } from './order.seed.js';

/** Stands in for a database. */
@Injectable()
export class OrdersService {
  readonly orders: readonly Order[] = seedOrders();

  findLatest(limit: number): Order[] {
    return this.orders.slice(-limit).toReversed();
  }

  findOne(id: number): Order {
    const order = this.orders[id - 1];
    if (order === undefined) {
      throw new NotFoundException(`No order ${id}`);
    }
    return order;
  }
}
