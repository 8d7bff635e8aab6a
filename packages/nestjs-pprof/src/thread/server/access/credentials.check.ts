import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * Compares an Authorization header with the credentials of the options. Hashes are compared, in constant time: how long it
 * takes says nothing about the credentials, not even their length.
 *
 * @param hash SHA-256 of `username:password` in hex; nothing else of them is known in this thread
 * @internal
 */
export function createCredentialsCheck(hash: string): (authorization: string | undefined) => boolean {
  const expected = Buffer.from(hash, 'hex');
  return (authorization = '') => {
    const encoded = /^basic +([a-z0-9+/_=-]+) *$/i.exec(authorization)?.[1] ?? '';
    const given = createHash('sha256').update(Buffer.from(encoded, 'base64')).digest();
    return timingSafeEqual(given, expected);
  };
}
