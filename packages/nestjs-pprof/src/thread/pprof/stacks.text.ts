import { shownTypeIndex } from './profile.model.js';
import type { SymbolizedProfile } from './profile.symbolizer.js';

/**
 * Renders a profile as counted stacks, largest first, like the `debug=1` of Go's named profiles: for reading, not for
 * a program.
 *
 * @internal
 */
export function renderStacks(profile: SymbolizedProfile, name: string): string {
  const shown = shownTypeIndex(profile);
  const totals = profile.sampleTypes.map((_, index) =>
    profile.samples.reduce((total, { values }) => total + (values[index] ?? 0), 0),
  );
  const samples = [...profile.samples].sort((a, b) => b.values[shown]! - a.values[shown]!);
  const columns = profile.sampleTypes.map(({ type, unit }) => `${type}/${unit}`).join(' ');
  const blocks = samples.map(({ stack, values, labels }) => {
    const labelText = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
    const heading = [values.join(': '), ...labelText, '@'].join(' ');
    return [
      heading,
      ...stack.map((frame) => `#\t${frame.name}${frame.file ? `\t${frame.file}:${frame.line}` : ''}`),
    ];
  });
  const comments = profile.comments.map((comment) => `# ${comment}`);
  const details = (profile.details ?? []).map((line) => `# ${line}`).join('\n');
  return `${[`${name} profile: total ${totals.join(': ')} (${columns})`, ...blocks.map((block) => block.join('\n')), ...comments, ...(details ? [details] : [])].join('\n\n')}\n`;
}
