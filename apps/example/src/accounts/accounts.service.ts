import { Injectable, type OnModuleInit, UnauthorizedException } from '@nestjs/common';
import type { Credentials } from './credentials.pipe.js';
import { deriveSessionKey, hashPassword, type PasswordHash, verifyPassword } from './password.hash.js';

const DEMO_ACCOUNTS: readonly Credentials[] = [
  { email: 'ada@example.com', password: 'correct horse' },
  { email: 'grace@example.com', password: 'battery staple' },
];

@Injectable()
export class AccountsService implements OnModuleInit {
  private readonly hashes = new Map<string, PasswordHash>();

  async onModuleInit(): Promise<void> {
    await Promise.all(
      DEMO_ACCOUNTS.map(async ({ email, password }) => {
        this.hashes.set(email, await hashPassword(password));
      }),
    );
  }

  async login({ email, password }: Credentials): Promise<{ email: string; sessionKey: string }> {
    const stored = this.hashes.get(email);
    if (stored === undefined || !(await verifyPassword(password, stored))) {
      throw new UnauthorizedException('Unknown account or wrong password');
    }
    return { email, sessionKey: deriveSessionKey(password, stored) };
  }
}
