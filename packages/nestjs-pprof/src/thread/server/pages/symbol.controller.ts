import { Controller, Get, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { skipBody } from '../limits/request.limits.js';
import { sendText } from '../http.response.js';

/**
 * `go tool pprof` asks here for the names of bare addresses. Our profiles carry their names, so no address is known, and
 * unknown ones are left out; "num_symbols" only has to be more than 0 to say that symbol look-up works, as in Go.
 *
 * @internal
 */
@Controller('debug/pprof/symbol')
export class SymbolController {
  @Get()
  symbol(@Res() response: ServerResponse): void {
    sendText(response, 'num_symbols: 1\n');
  }

  @Post()
  @HttpCode(200)
  async symbolOfBody(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    await skipBody(request);
    this.symbol(response);
  }
}
