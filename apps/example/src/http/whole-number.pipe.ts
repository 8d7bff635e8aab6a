import { BadRequestException, Injectable } from '@nestjs/common';
import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';

export interface WholeNumberRange {
  min: number;
  max: number;
  fallback: number;
}

/** A query parameter that takes a whole number, within bounds so that no request asks for more than we can do. */
@Injectable()
export class WholeNumberPipe implements PipeTransform<unknown, number> {
  constructor(private readonly range: WholeNumberRange) {}

  transform(value: unknown, { data }: ArgumentMetadata): number {
    if (value === undefined) {
      return this.range.fallback;
    }
    const number = typeof value === 'string' && /^\d{1,12}$/.test(value) ? Number(value) : Number.NaN;
    const { min, max } = this.range;
    if (!(number >= min && number <= max)) {
      throw new BadRequestException(`"${data}" must be a whole number from ${min} to ${max}`);
    }
    return number;
  }
}
