import {
  BadRequestException,
  Controller,
  HttpCode,
  ParseEnumPipe,
  Post,
  Query,
  UseGuards,
} from '@nestjs/common';
import { LoopbackGuard } from '../http/loopback.guard.js';
import { WholeNumberPipe } from '../http/whole-number.pipe.js';
import { type BlockKind, eventLoopBlocks } from './event-loop.blocks.js';

const TEN_MINUTES_MS = 600_000;
const KINDS = Object.keys(eventLoopBlocks);

/** Demonstration: what a profile shows while the service does what a service must never do. */
@Controller('faults')
@UseGuards(LoopbackGuard)
export class FaultsController {
  @Post('block')
  @HttpCode(200)
  async block(
    @Query('kind', new ParseEnumPipe(KINDS, { exceptionFactory: unknownKind })) kind: BlockKind,
    @Query('ms', new WholeNumberPipe({ min: 1, max: TEN_MINUTES_MS, fallback: 1_000 })) ms: number,
  ) {
    const start = performance.now();
    await eventLoopBlocks[kind](ms);
    return { kind, ms, tookMs: Math.round(performance.now() - start) };
  }
}

function unknownKind(): BadRequestException {
  return new BadRequestException(`"kind" must be one of: ${KINDS.join(', ')}`);
}
