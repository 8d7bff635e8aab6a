/** @internal */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** @internal */
export function isInteger(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

/** What is wrong with an option. @internal */
export function wrong(option: string, got: unknown, takes: string, conversion?: string): string {
  // Environment variables are strings; a hint at the conversion saves the look at the documentation.
  const hint =
    typeof got === 'string' && conversion ? ` (a string from the environment? use ${conversion})` : '';
  return `option "${option}" is ${inspect(got)}, it takes ${takes}${hint}`;
}

/** @internal */
export function inspect(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

/** @internal */
export function unknownKeys(prefix: string, options: object, known: readonly string[]): string[] {
  return Object.keys(options)
    .filter((key) => !known.includes(key))
    .map((key) => `unknown option "${prefix}${key}", known are ${known.join(', ')}`);
}

/** `undefined` means "not given", as it does for the other options. @internal */
export function definedOf(options: unknown): object {
  return isObject(options)
    ? Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
    : {};
}
