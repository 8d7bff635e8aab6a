import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { type StockList, StockListPipe } from './stock-list.pipe.js';
import { StockService } from './stock.service.js';

@Controller('imports')
export class ImportsController {
  constructor(private readonly stockService: StockService) {}

  @Post('stock')
  @HttpCode(200)
  importStock(@Body(StockListPipe) list: StockList) {
    return this.stockService.importStock(list);
  }

  @Get('stock/:sku')
  findOne(@Param('sku') sku: string) {
    return this.stockService.findOne(sku);
  }
}
