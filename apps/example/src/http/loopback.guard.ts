import type { IncomingMessage } from 'node:http';
import { BlockList } from 'node:net';
import { ForbiddenException, Injectable } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Keeps the routes that do harm on purpose to whoever sits at this machine. */
@Injectable()
export class LoopbackGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { socket, headers } = context.switchToHttp().getRequest<IncomingMessage>();
    // A reverse proxy and a web page in a local browser call from loopback too, for somebody else.
    const isForSomebodyElse = [headers.origin, headers.forwarded, headers['x-forwarded-for']].some(Boolean);
    if (isForSomebodyElse || !isLoopback(socket.remoteAddress)) {
      throw new ForbiddenException(
        'Only for direct calls from this machine: it is a demonstration of faults',
      );
    }
    return true;
  }
}

function isLoopback(address = ''): boolean {
  // A listener on `::` reports IPv4 callers as IPv4-mapped addresses; BlockList sees through them.
  return loopback.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
}
