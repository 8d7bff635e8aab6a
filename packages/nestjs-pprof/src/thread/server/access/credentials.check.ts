import { createHash, timingSafeEqual } from 'node:crypto';

/** @internal */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/**
 * Compares an Authorization header with the credentials of the options. Hashes are compared, in constant time: how long it
 * takes says nothing about the credentials, not even their length. Only the hash is kept.
 *
 * @internal
 */
export function createCredentialsCheck({
  username,
  password,
}: Credentials): (authorization: string | undefined) => boolean {
  const expected = sha256(Buffer.from(`${username}:${password}`));
  return (authorization = '') => {
    const encoded = /^basic +([a-z0-9+/_=-]+) *$/i.exec(authorization)?.[1] ?? '';
    return timingSafeEqual(sha256(Buffer.from(encoded, 'base64')), expected);
  };
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
