import { isIPv4 } from 'node:net';

/**
 * Whether a name or address can only mean this machine: exactly `localhost`, a strict dotted-decimal address in
 * 127.0.0.0/8, or `::1` (in brackets or not). No prefixes, no octal, no shortened or mapped forms: each of those has
 * let somebody past such a check (Node's inspector: CVE-2018-7160, CVE-2021-22884, CVE-2022-32212, CVE-2022-43548).
 *
 * @internal
 */
export function isLoopback(host: string): boolean {
  return (
    host === 'localhost' || host === '::1' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'))
  );
}
