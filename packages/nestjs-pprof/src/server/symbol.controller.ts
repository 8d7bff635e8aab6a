import { Controller, Get, HttpCode, Post, Res } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { sendText } from './http.response.js';

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
  symbolOfBody(@Res() response: ServerResponse): void {
    this.symbol(response);
  }
}
