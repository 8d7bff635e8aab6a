import { type Answer, type ContractRow, error } from './contract.row.js';

/** A state of the application in which a request is made; see `contract.e2e-spec.ts`. */
export type Given = 'nothing else' | 'another profiler' | 'all slots taken' | 'a native call';

export interface RowGroup {
  readonly name: string;
  readonly given?: Given;
  readonly rows: readonly ContractRow[];
}

export const row = (ask: string, answer: Answer, more: Partial<ContractRow> = {}): ContractRow => ({
  ask,
  answer,
  ...more,
});

export const PROFILE = '/debug/pprof';
export const HTML = 'text/html; charset=utf-8';
export const MARKDOWN = 'text/markdown; charset=utf-8';
export const UNKNOWN = error(404, 'Unknown profile');
export const POSITIVE = error(400, 'invalid value for "seconds" - must be a positive integer');
export const MAXIMUM = error(400, /^invalid value for "seconds" - the maximum is 300 /);

export function escapeRegExp(literal: string): string {
  return literal.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}
