import { Controller, Get, Param, ParseIntPipe, Query } from '@nestjs/common';
import { WholeNumberPipe } from '../http/whole-number.pipe.js';
import { OrdersService } from './orders.service.js';

@Controller('orders')
export class OrdersController {
  constructor(private readonly ordersService: OrdersService) {}

  @Get()
  findLatest(@Query('limit', new WholeNumberPipe({ min: 1, max: 500, fallback: 20 })) limit: number) {
    return this.ordersService.findLatest(limit);
  }

  @Get(':id')
  findOne(@Param('id', ParseIntPipe) id: number) {
    return this.ordersService.findOne(id);
  }
}
