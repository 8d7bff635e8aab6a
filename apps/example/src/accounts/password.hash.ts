import { pbkdf2Sync, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

export interface PasswordHash {
  salt: Buffer;
  hash: Buffer;
}

const HASH_BYTES = 32;
const SESSION_KEY_ITERATIONS = 5_000;

/** Runs on libuv's thread pool: it takes tens of milliseconds of CPU, but not from the event loop. */
const scryptInThreadPool = promisify<string, Buffer, number, Buffer>(scrypt);

export async function hashPassword(password: string): Promise<PasswordHash> {
  const salt = randomBytes(16);
  return { salt, hash: await scryptInThreadPool(password, salt, HASH_BYTES) };
}

export async function verifyPassword(password: string, { salt, hash }: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await scryptInThreadPool(password, salt, HASH_BYTES), hash);
}

/** The ordinary mistake next to it: the same kind of work, synchronous, on the event loop. */
export function deriveSessionKey(password: string, { salt }: PasswordHash): string {
  return pbkdf2Sync(password, salt, SESSION_KEY_ITERATIONS, HASH_BYTES, 'sha512').toString('base64url');
}
