import { messageOf } from './shared/pprof.error.js';
import { PACKAGE } from './shared/thread.protocol.js';

/** The options given to `PprofModule` cannot be used; thrown at start-up, with every problem in its message. */
export class PprofOptionsError extends Error {
  /** Tells it apart where `instanceof` cannot, as in another realm. */
  override readonly name = 'PprofOptionsError';

  /** @param problems one sentence each, with the name of the option and what it takes */
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

/** The programs that the profiler starts cannot be found. Told by `PprofService.status`. @internal */
export class PackageMissingError extends Error {
  override readonly name = 'PackageMissingError';

  constructor() {
    super(
      `the profiler starts programs of the package ${PACKAGE.name} ${PACKAGE.version}, which is not found from where this code ` +
        'runs, as in an application that is bundled into one file. Keep "nestjs-pprof" and "@datadog/pprof" external to the ' +
        'bundle, and install them beside it',
    );
  }
}

/** Yarn Plug'n'Play has been told not to unpack this package. Told by `PprofService.status`. @internal */
export class PackageZippedError extends Error {
  override readonly name = 'PackageZippedError';

  constructor(directory: string) {
    super(
      `the profiler starts programs of its own package, which lies in a zip file: ${directory}. Have Yarn unpack it, as it ` +
        'does unless told not to: "yarn unplug nestjs-pprof"',
    );
  }
}

/** What runs as the profiling thread has not said that it is. Told by `PprofService.status`. @internal */
export class SilentThreadError extends Error {
  override readonly name = 'SilentThreadError';

  constructor(seconds: number) {
    super(`the profiling thread has not reported within ${seconds} s of its start, and is given up`);
  }
}

/** There is no Node that could write what the heap held. Told in a warning at the start. @internal */
export class SingleExecutableError extends Error {
  override readonly name = 'SingleExecutableError';

  constructor() {
    super(
      'nothing is written when memory runs out: this is a single executable application, which cannot start the program ' +
        'that writes. Leave out the option "outOfMemory"',
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
