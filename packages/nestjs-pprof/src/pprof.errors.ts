/** The options given to `PprofModule` cannot be used; thrown at start-up, with every problem in its message. */
export class PprofOptionsError extends Error {
  override readonly name = 'PprofOptionsError';

  constructor(readonly problems: readonly string[]) {
    super(`PprofModule: ${problems.join('; ')}`);
  }
}

/** The profiling thread could not be started; told by `PprofService.status`, never thrown into the application. */
export class PprofStartError extends Error {
  override readonly name = 'PprofStartError';
}
