import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { RECORDINGS } from './recording.table.js';

/** By the names in the headings of `docs/profiles.md`. */
const sections = new Map<string, string>();

beforeAll(async () => {
  const text = await readFile(new URL('../../../../../docs/profiles.md', import.meta.url), 'utf8');
  for (const section of text.split(/^## /m).slice(1)) {
    const [heading = '', ...lines] = section.split('\n');
    sections.set(heading.replaceAll('`', ''), lines.join('\n'));
  }
});

describe.each(RECORDINGS)('docs/profiles.md on $name', ({ name, description }) => {
  it('has the sentence of the index page', () => {
    const [, quote] = /^> (.*)$/m.exec(sections.get(name) ?? '') ?? [];
    expect(quote).toBe(description);
  });

  it.each(['Means', 'Costs', 'Cannot see'])('says what it %s', (word) => {
    expect(sections.get(name)).toContain(`**${word}`);
  });
});
