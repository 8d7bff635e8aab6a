/** The options given to `PprofModule` cannot be used; thrown at start-up, with every problem in its message. */
export class PprofOptionsError extends Error {
  override readonly name = 'PprofOptionsError';

  constructor(readonly problems: readonly string[]) {
    super(`PprofModule: ${problems.join('; ')}`);
  }
}
