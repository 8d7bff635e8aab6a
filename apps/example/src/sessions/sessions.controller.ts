import { Controller, Delete, Get, Post, Query, UseGuards } from '@nestjs/common';
import { LoopbackGuard } from '../http/loopback.guard.js';
import { WholeNumberPipe } from '../http/whole-number.pipe.js';
import { SessionsService } from './sessions.service.js';

/** Demonstration: leaks memory on demand. */
@Controller('sessions')
@UseGuards(LoopbackGuard)
export class SessionsController {
  constructor(private readonly sessionsService: SessionsService) {}

  @Get()
  show() {
    return {
      sessions: this.sessionsService.count,
      heapUsedMegabytes: Math.round(process.memoryUsage().heapUsed / 2 ** 20),
    };
  }

  @Post()
  remember(
    @Query('count', new WholeNumberPipe({ min: 1, max: 10_000, fallback: 1 })) count: number,
    @Query('kilobytes', new WholeNumberPipe({ min: 1, max: 10_240, fallback: 64 })) kilobytes: number,
  ) {
    this.sessionsService.remember(count, kilobytes);
    return this.show();
  }

  @Delete()
  forgetAll() {
    this.sessionsService.forgetAll();
    return this.show();
  }
}
