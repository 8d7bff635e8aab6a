import { parseArgs } from 'node:util';

/**
 * Reads `--name value` for each of `defaults`, whose types say what is taken: numbers, strings, or `false` for a switch.
 * `--help` prints the defaults and ends.
 */
export function readArguments(defaults) {
  const options = Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [
      name,
      { type: typeof value === 'boolean' ? 'boolean' : 'string' },
    ]),
  );
  const { values } = parseArgs({ options: { ...options, help: { type: 'boolean' } } });
  if (values.help) {
    const usage = Object.entries(defaults).map(([name, value]) => `  --${name} (default: ${value})`);
    console.log(`Arguments:\n${usage.join('\n')}`);
    process.exit(0);
  }
  return Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [name, read(name, values[name] ?? value, typeof value)]),
  );
}

function read(name, value, type) {
  if (type !== 'number') {
    return value;
  }
  const number = Number(value);
  if (!(number > 0)) {
    throw new Error(`--${name} is ${value}, but takes a number above 0`);
  }
  return number;
}
