import { Injectable, NotFoundException } from '@nestjs/common';
import { SKUS } from '../orders/order.seed.js';
import type { StockLine, StockList } from './stock-list.pipe.js';

export interface StockRecord {
  sku: string;
  quantity: number;
  supplier: string | null;
}

export interface ImportResult {
  imported: number;
  rejected: StockLine[];
}

type Stock = Record<string, StockRecord>;

@Injectable()
export class StockService {
  private stock: Stock = Object.fromEntries(SKUS.map((sku) => [sku, { sku, quantity: 100, supplier: null }]));

  findOne(sku: string): StockRecord {
    const record = findRecord(this.stock, sku);
    if (record === undefined) {
      throw new NotFoundException(`No stock of ${sku}`);
    }
    return record;
  }

  importStock({ supplier, lines }: StockList): ImportResult {
    const rejected: StockLine[] = [];
    for (const line of lines) {
      const draft = cloneStock(this.stock);
      if (applyLine(draft, supplier, line)) {
        this.stock = draft;
      } else {
        rejected.push(line);
      }
    }
    return { imported: lines.length - rejected.length, rejected };
  }
}

/** The ordinary mistake: a deep copy by way of JSON text, of everything, for each line of the list. */
function cloneStock(stock: Stock): Stock {
  return JSON.parse(JSON.stringify(stock)) as Stock;
}

function applyLine(stock: Stock, supplier: string, { sku, quantity }: StockLine): boolean {
  const record = findRecord(stock, sku);
  if (record === undefined || quantity < 0) {
    return false;
  }
  record.quantity = quantity;
  record.supplier = supplier;
  return true;
}

/** Own properties only: callers name the SKU, and might name it `__proto__`. */
function findRecord(stock: Stock, sku: string): StockRecord | undefined {
  return Object.hasOwn(stock, sku) ? stock[sku] : undefined;
}
