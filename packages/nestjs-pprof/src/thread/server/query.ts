import type { Query } from '../profiles/query.parameters.js';

/** A query as Express parses it. @internal */
export type RawQuery = Readonly<Record<string, string | string[]>>;

/** Of a repeated parameter the first value counts, as in Go; scrapers have been seen to send one twice. @internal */
export function firstValues(query: RawQuery): Query {
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => [name, Array.isArray(value) ? (value[0] ?? '') : value]),
  );
}
