import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { toHttpError } from './http.errors.js';
import { sendError } from './http.response.js';

/** Answers every error the way `go tool pprof` shows it. @internal */
@Catch()
export class HttpErrorFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    sendError(host.switchToHttp().getResponse<ServerResponse>(), toHttpError(error));
  }
}
