import { messageOf } from './shared/error.message.js';

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

/** What the heap held could not be written if memory ran out. Told in a warning at the start. @internal */
export class OomDirectoryError extends Error {
  override readonly name = 'OomDirectoryError';

  constructor(cause: unknown) {
    super(
      `nothing is written when memory runs out: ${messageOf(cause)}. The option "outOfMemory.directory" and the ` +
        'directory for temporary files must be writable for the process',
      { cause },
    );
  }
}
