import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { PprofProfileName } from './shared/profile.names.js';

/** How live objects are sampled. */
export interface PprofHeapOptions {
  /**
   * Average number of bytes allocated between two samples. Smaller sees smaller leaks sooner and costs more.
   *
   * @default 524288
   */
  samplingInterval?: number;

  /**
   * Frames kept of each allocation's stack, 1 to 128. Raise it where stacks end before they reach your code.
   *
   * @default 64
   */
  stackDepth?: number;
}

/** How blocked event loops are found. */
export interface PprofBlockOptions {
  /**
   * Whether the main thread's event loop is watched all the time, so that `block` without `seconds` tells what has blocked it
   * since start-up. Costs a timer, and a sample of the stack of whatever blocks it for 100 ms, longer with a larger heap.
   *
   * @default false
   */
  watch?: boolean;

  /**
   * Milliseconds, 1 to 60000: a turn of an event loop that takes longer blocks it. Raise it where turns are long by design.
   *
   * @default 20
   */
  threshold?: number;
}

/** What is kept of the minutes before, and what counts as an incident. */
export interface PprofFlightRecorderOptions {
  /**
   * Minutes that are kept, 1 to 60; fewer where they have more than 4 MB.
   *
   * @default 15
   */
  minutes?: number;

  /**
   * Samples per second, 1 to 100. At 20, 50 and 100 timers of your own that run every 10, 50 or 100 ms may fall into step with the
   * samples, and be shown twice too often or not at all.
   *
   * @default 19
   */
  hz?: number;

  /**
   * Whether what is recorded has labels, as the option `labels` says. It costs each request about a microsecond.
   *
   * @default false
   */
  labels?: boolean;

  /**
   * Milliseconds, 100 to 60000: an event loop that did not turn for longer is an incident.
   *
   * @default 1000
   */
  blockThreshold?: number;

  /**
   * Bytes of the main thread's heap: an incident where it grows beyond. Leave room below `--max-old-space-size`.
   *
   * @default undefined
   */
  heapLimit?: number;

  /**
   * Bytes of the process's resident memory: an incident where it grows beyond.
   *
   * @default undefined
   */
  rssLimit?: number;

  /**
   * Where the last minutes are written when the process dies of an exception that nobody has caught, of a signal that Nest's
   * shutdown hooks see, or of a full heap. The index page of the next process lists them. As `outOfMemory.directory`, which
   * may be the same.
   *
   * @default undefined
   */
  directory?: string;

  /**
   * Recordings kept in the directory, 1 to 100; the oldest are deleted for new ones.
   *
   * @default 5
   */
  maxFiles?: number;

  /**
   * Bytes that the recordings in the directory may take up together, at least 65536; the oldest are deleted for new ones.
   *
   * @default 67108864
   */
  maxBytes?: number;
}

/** How CPU samples are labelled with what they were taken for. */
export interface PprofLabelsOptions {
  /**
   * Whether handlers that are not called by HTTP requests are wrapped at start-up, so that their samples are labelled, too: of
   * microservices, gateways, GraphQL, `@nestjs/schedule`, `@nestjs/event-emitter`, `@nestjs/cqrs`, BullMQ and nest-commander. While nobody
   * captures it costs each of their calls some nanoseconds.
   *
   * @default false
   */
  everything?: boolean;
}

/** HTTP Basic credentials. */
export interface PprofAuthOptions {
  /** Without colons and control characters. */
  username: string;

  /** Without control characters. Take it from where your other secrets are, not from the command line. */
  password: string;
}

/** What is left behind by a process that runs out of memory. */
export interface PprofOutOfMemoryOptions {
  /**
   * A directory of the service's own, made, for the owner alone, where it is missing; a warning is logged where others may
   * write to it. In a container it must be on a volume that outlives it, which several may share.
   */
  directory: string;

  /**
   * Profiles kept in the directory, 1 to 100; the oldest are deleted for new ones.
   *
   * @default 5
   */
  maxFiles?: number;

  /**
   * Bytes that the profiles in the directory may take up together, at least 65536; the oldest are deleted for new ones.
   *
   * @default 67108864
   */
  maxBytes?: number;
}

/** Options of `PprofModule.forRoot`. Each has a default; `undefined` means "not given". */
export interface PprofModuleOptions {
  /**
   * Whether profiling starts with the application, when the module is constructed. `false` starts no thread, opens no port and
   * loads no native addon, until `PprofService.start()` does. Texts are refused: `process.env.PPROF_ENABLED === 'true'`.
   *
   * @default true
   */
  enabled?: boolean;

  /**
   * The loopback address to listen on: `localhost`, `127.0.0.0/8` or `::1`. Anything else is refused, as a profile tells a
   * stranger what your program does: reach it from elsewhere through `ssh -L`. Not together with `socketPath`.
   *
   * `localhost` is both `127.0.0.1` and `::1`, as clients ask for either. Where somebody else has one of them, a warning says
   * which to ask for meanwhile.
   *
   * @default 'localhost'
   */
  host?: string;

  /**
   * The TCP port, 0 to 65535; 0 takes a free one, which `PprofService.address` tells. Change it where several services
   * share a host. `Number('')` is 0: `port: Number(process.env.PPROF_PORT || 6060)`.
   *
   * @default 6060
   */
  port?: number;

  /**
   * What to do where the port is taken. Either way the application starts, and `PprofService.status` tells.
   *
   * - `'wait'`: this very port, as soon as it is free: it is tried again at least once a second, and a warning says so after
   *   the first.
   * - `'next'`: the lowest free port of `port` to `port + 63`, for processes that share a host and their options. Each logs
   *   its own, and the index page of any of them shows all. Where none is free, it waits.
   *
   * A `socketPath` that is taken is waited for in the same way.
   *
   * @default 'next' in a worker of `node:cluster` and in a process that PM2 has started (the environment variables
   * `pm_id` or `NODE_APP_INSTANCE`), 'wait' in others.
   */
  whenPortTaken?: 'wait' | 'next';

  /**
   * The absolute path of a unix socket to listen on instead of `host` and `port`: its permissions (0600) keep out the other
   * users of the machine, which no TCP port can. Its directory has to be there, and is best the service's own. A socket that
   * a killed process has left there is replaced; anything else is left alone, which is logged. Not on Windows.
   *
   * Ask with `curl --unix-socket /run/my-service/pprof.sock http://localhost/debug/pprof/`; for `go tool pprof` and a
   * browser, also on the same machine, forward a port to it: `ssh -L 6060:/run/my-service/pprof.sock user@host`.
   *
   * @default undefined
   */
  socketPath?: string;

  /**
   * Names, besides `localhost`, `127.0.0.0/8` and `[::1]`, that a request may ask for in its `Host` header: host names or IP
   * addresses, without port and wildcard. Needed only where what is in front keeps a name of its own (a development
   * container, an alias in `/etc/hosts`); `ssh -L` and `kubectl port-forward` need none.
   *
   * It opens the profiler to web pages under each of these names: whoever decides where the name points to, or serves
   * pages under it, can read profiles through the browser of someone who can reach the port. And browsers send
   * `Sec-Fetch-Site` to `localhost` and over HTTPS only, so a page of any site can then start (though not read) a capture.
   * Name hosts that are yours alone, and set `auth` too.
   *
   * @default []
   */
  allowedHosts?: readonly string[];

  /**
   * Credentials that every request has to send (HTTP Basic): where other users of the machine, or other containers of a pod,
   * must not read profiles and a `socketPath` does not do. They are never logged, and kept as their SHA-256. Basic is no
   * encryption; what carries it (loopback, `ssh -L`) has to be.
   *
   * `go tool pprof http://127.0.0.1:6060/debug/pprof/profile`, `curl -u USER:PASSWORD`.
   *
   * @default undefined
   */
  auth?: PprofAuthOptions;

  /**
   * The profiles that are served; any other is answered 404 and left out of the index page. Name fewer where the others
   * tell or cost too much. `cmdline`, `symbol` and `/debug/vars` are always there. Sampling for `heap` has its own switch.
   *
   * @default every profile
   */
  profiles?: readonly PprofProfileName[];

  /**
   * Sampling of live objects, which runs from start-up on as a leak can only be seen by those who watched it grow.
   * `false` switches it, and the `heap` profile, off.
   *
   * @default { samplingInterval: 524288, stackDepth: 64 }
   */
  heap?: PprofHeapOptions | false;

  /**
   * What the `block` profile reports.
   *
   * @default { watch: false, threshold: 20 }
   */
  block?: PprofBlockOptions;

  /**
   * Keeps the last minutes of the main thread's CPU profile: `profile?past=300` is the last five minutes, asked for when it is
   * over. `incidents` lists what blocked the event loop, filled the memory or the processors. `{}` for the defaults. It
   * samples all the time; the README has what that costs.
   *
   * @default false
   */
  flightRecorder?: PprofFlightRecorderOptions | false;

  /**
   * Whether CPU samples are labelled with the route that they were taken for, its controller and handler, and with what the
   * application adds (`PprofService.withLabels`, `PprofLabels`). While nobody captures it costs nothing; while
   * somebody does, each request some 0.6 µs (Node 24), and a capture can do without (`?labels=false`). It needs Node's
   * async context frames: Node 24 and later have them, Node 22 with `--experimental-async-context-frame`. Elsewhere,
   * controllers and handlers are labelled where the stack shows them.
   *
   * @default true
   */
  labels?: boolean | PprofLabelsOptions;

  /**
   * Whether `heapsnapshot` is served: the whole heap of a thread, for Chrome DevTools, which shows what holds an object. It
   * has every string of the heap, passwords and keys included, stops the thread (seconds for each 100 MB of heap), and has V8
   * take up to ten times the memory of the heap: a container with less is killed.
   *
   * @default false
   */
  heapSnapshot?: boolean;

  /**
   * Has a heap profile written when the heap of the main thread is full, before the process dies of it. The index page of the
   * next process lists it. Needs `heap`. Meanwhile the heap may grow once by what V8 reserves for young objects (16 to some
   * hundred MB), and the process that writes takes some 80 MB: leave a container that much more than `--max-old-space-size`.
   *
   * @default false
   */
  outOfMemory?: PprofOutOfMemoryOptions | false;

  /**
   * Seconds for which the CPU sampler of the main thread may run on between captures that come again and again, as a
   * scraper's, 0 (never) to 300: the next need not start it, which holds a large application up for a tenth of a second. It
   * costs some 2 % of the main thread's CPU time meanwhile, and lasts no longer than 0.6 s for each millisecond of a start.
   *
   * @default 60
   */
  keepWarm?: number;

  /**
   * The longest capture a request may ask for with `seconds`, 1 to 3600. Raise it for rare events.
   *
   * @default 300
   */
  maxSeconds?: number;

  /**
   * How many captures, of any kind of profile, may run at a time, 1 to 256. One more gets 429, with the time to wait in
   * `Retry-After`. The same profile of a moment, asked for by several, is one. Lower it where memory is short; raise it where
   * many scrapers ask at once.
   *
   * @default 16
   */
  maxCaptures?: number;
}

/** What `forRootAsync({ useClass | useExisting })` expects. */
export interface PprofOptionsFactory {
  /** Called once, as the module is made. What it throws, or rejects with, stops the start. */
  createPprofOptions(): PprofModuleOptions | Promise<PprofModuleOptions>;
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<PprofModuleOptions>({
  moduleName: 'Pprof',
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createPprofOptions')
  .setExtras({ isGlobal: false }, (definition, { isGlobal }) => ({ ...definition, global: isGlobal }))
  .build();

/**
 * The token of the options, for a test that overrides them:
 * `Test.createTestingModule({ imports: [AppModule] }).overrideProvider(PPROF_OPTIONS).useValue({ enabled: false })`.
 */
export const PPROF_OPTIONS = MODULE_OPTIONS_TOKEN;

/** What `PprofModule` is made of; in the published declarations, as it is derived from. */
export const PprofConfigurableModule = ConfigurableModuleClass;

/** The options given to `PprofModule` cannot be used; thrown at start-up, with every problem in its message. */
export class PprofOptionsError extends Error {
  /** Tells it apart where `instanceof` cannot, as in another realm. */
  override readonly name = 'PprofOptionsError';

  /** @param problems one sentence each, with the name of the option and what it takes */
  constructor(readonly problems: readonly string[]) {
    super(`PprofModule: ${problems.join('; ')}`);
  }
}
