import type { SymbolizedProfile, SymbolizedSample } from './profile.symbolizer.js';

/**
 * Renders the stack of every thread for reading, in the way Go prints goroutines: a heading with the state, then two
 * lines a frame, innermost first.
 *
 * @internal
 */
export function renderDump(profile: SymbolizedProfile): string {
  const comments = profile.comments.map((comment) => `# ${comment}`).join('\n');
  return `${[...profile.samples.map(renderThread), comments].join('\n\n')}\n`;
}

function renderThread({ stack, labels, notes }: SymbolizedSample): string {
  const { thread = '', state = '', ...others } = labels;
  const details = [state, ...Object.entries(others).map(([key, value]) => `${key} ${value}`)];
  const frames = stack.map(({ name, file, line }) => (file ? `${name}\n\t${file}:${line}` : name));
  return [`thread ${thread} [${details.join(', ')}]:`, ...notes.map((note) => `# ${note}`), ...frames].join(
    '\n',
  );
}
