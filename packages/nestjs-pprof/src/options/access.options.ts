import { isIP } from 'node:net';
import type { PprofModuleOptions } from '../pprof.options.js';
import { inspect, isObject, unknownKeys } from './option.checks.js';

/** Who may ask. @internal */
export interface AccessOptions {
  readonly allowedHosts: readonly string[];
  readonly auth: { readonly username: string; readonly password: string } | undefined;
}

/** @internal */
export const ACCESS_OPTIONS = ['allowedHosts', 'auth'];

/** @internal */
export function resolveAccess(options: PprofModuleOptions, problems: string[]): AccessOptions {
  const { allowedHosts = [], auth } = options;
  problems.push(...allowedHostsProblems(allowedHosts), ...authProblems(auth));
  return { allowedHosts, auth };
}

function allowedHostsProblems(given: unknown): string[] {
  const takes =
    "host names or IP addresses without scheme, port or wildcard, for example ['pprof.internal', '10.0.0.7']";
  if (!Array.isArray(given)) {
    return [`option "allowedHosts" is ${inspect(given)}, it takes an array of ${takes}`];
  }
  return given
    .filter((host: unknown) => typeof host !== 'string' || !(isAddress(host) || isHostName(host)))
    .map((host: unknown) => `option "allowedHosts" has ${inspect(host)}, it takes ${takes}`);
}

/** Without a zone (`fe80::1%eth0`), which no Host header has. */
function isAddress(host: string): boolean {
  return isIP(host) !== 0 && !host.includes('%');
}

/** A last label of digits makes an IPv4 address to a browser, as in `127.1`: that is no name. */
function isHostName(host: string): boolean {
  const labels = host.split('.');
  return (
    host.length <= 253 &&
    labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label)) &&
    !/^(\d+|0x[0-9a-f]*)$/i.test(labels.at(-1)!)
  );
}

/** Never repeats what was given, as that may be the password. */
function authProblems(given: unknown): string[] {
  if (given === undefined) {
    return [];
  }
  if (!isObject(given)) {
    return [`option "auth" is ${hidden(given)}, it takes an object with username and password`];
  }
  const { username, password } = given as { username?: unknown; password?: unknown };
  const problems = unknownKeys('auth.', given, ['username', 'password']);
  if (!isCredential(username) || username.includes(':')) {
    problems.push(
      `option "auth.username" is ${hidden(username)}, it takes a text without colons and control characters`,
    );
  }
  if (!isCredential(password)) {
    problems.push(
      `option "auth.password" is ${hidden(password)}, it takes a text without control characters`,
    );
  }
  return problems;
}

function isCredential(value: unknown): value is string {
  return typeof value === 'string' && /^\P{Cc}+$/u.test(value);
}

function hidden(value: unknown): string {
  if (value === undefined || value === null || value === '') {
    return inspect(value);
  }
  return `of type ${typeof value} (not shown here)`;
}
