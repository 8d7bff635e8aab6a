import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';

interface Session {
  id: string;
  views: PageView[];
}

interface PageView {
  path: string;
  referrer: string;
  status: number;
  second: number;
  durationMs: number;
}

/** A PageView is 64 bytes in V8's heap, and its slot in the array some 10 more. */
const VIEWS_PER_KILOBYTE = 14;

@Injectable()
export class SessionsService {
  /** The leak: nothing ever expires. */
  private readonly sessions = new Map<string, Session>();

  get count(): number {
    return this.sessions.size;
  }

  remember(count: number, kilobytes: number): void {
    for (let i = 0; i < count; i += 1) {
      const session = rememberSession(kilobytes);
      this.sessions.set(session.id, session);
    }
  }

  forgetAll(): void {
    this.sessions.clear();
  }
}

/** Makes objects rather than a Buffer or a long string: a heap profile samples what V8's own heap holds. */
function rememberSession(kilobytes: number): Session {
  const views: PageView[] = [];
  for (let i = 0; i < kilobytes * VIEWS_PER_KILOBYTE; i += 1) {
    views.push({ path: '/orders', referrer: '/', status: 200, second: i, durationMs: i % 100 });
  }
  return { id: randomUUID(), views };
}
