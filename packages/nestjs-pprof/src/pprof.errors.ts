/** The options given to `PprofModule` cannot be used; thrown at start-up, with every problem in its message. */
export class PprofOptionsError extends Error {
  override readonly name = 'PprofOptionsError';

  constructor(readonly problems: readonly string[]) {
    super(`PprofModule: ${problems.join('; ')}`);
  }
}

/** Node does not let this process start threads. Told by `PprofService.status`. @internal */
export class ThreadsForbiddenError extends Error {
  override readonly name = 'ThreadsForbiddenError';

  constructor() {
    super(
      'the profiler runs in a thread of its own, and Node runs under --permission without --allow-worker. Add that, ' +
        '--allow-addons and, from Node 24 on, --allow-inspector',
    );
  }
}
