import { appendFileSync } from 'node:fs';

/** A line of the table in docs/profiles.md: what a profile said, and what was true. */
export interface TruthRow {
  readonly what: string;
  readonly said: string;
  readonly truth: string;
  /** What may be between them, and why. */
  readonly tolerance: string;
}

/** Notes a line for `node e2e/truth/table.mjs`, which runs these tests and prints the table. */
export function noteTruth(row: TruthRow): void {
  const file = process.env.TRUTH_TABLE_FILE;
  if (file !== undefined) {
    appendFileSync(file, `${JSON.stringify(row)}\n`);
  }
}
