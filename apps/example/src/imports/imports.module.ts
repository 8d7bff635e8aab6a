import { Module } from '@nestjs/common';
import { ImportsController } from './imports.controller.js';
import { StockService } from './stock.service.js';

@Module({ controllers: [ImportsController], providers: [StockService] })
export class ImportsModule {}
