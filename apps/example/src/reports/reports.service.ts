import { Injectable } from '@nestjs/common';
import { OrdersService } from '../orders/orders.service.js';
import { buildSalesReport, type SalesReport } from './sales-report.builder.js';

@Injectable()
export class ReportsService {
  constructor(private readonly ordersService: OrdersService) {}

  salesReport(): SalesReport {
    return buildSalesReport(this.ordersService.orders);
  }
}
