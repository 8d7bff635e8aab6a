import { BadRequestException, Injectable } from '@nestjs/common';
import type { PipeTransform } from '@nestjs/common';

export interface StockList {
  supplier: string;
  lines: StockLine[];
}

export interface StockLine {
  sku: string;
  quantity: number;
}

@Injectable()
export class StockListPipe implements PipeTransform<unknown, StockList> {
  transform(body: unknown): StockList {
    const { supplier, lines } = (body ?? {}) as Partial<Record<keyof StockList, unknown>>;
    if (typeof supplier !== 'string' || !Array.isArray(lines) || !lines.every(isStockLine)) {
      throw new BadRequestException(
        'The body takes {"supplier": string, "lines": [{"sku": string, "quantity": whole number}]}',
      );
    }
    return { supplier, lines };
  }
}

function isStockLine(line: unknown): line is StockLine {
  const { sku, quantity } = (line ?? {}) as Partial<Record<keyof StockLine, unknown>>;
  return typeof sku === 'string' && Number.isSafeInteger(quantity);
}
