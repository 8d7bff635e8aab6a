import {
  type ConfigurableModuleAsyncOptions,
  type DynamicModule,
  type FactoryProvider,
  Module,
} from '@nestjs/common';
import { checkedFactory, checkedObject } from './options.table.js';
import { containerProvider } from './main/nest.container.js';
import {
  PPROF_OPTIONS,
  PprofConfigurableModule,
  type PprofModuleOptions,
  PprofOptionsError,
} from './pprof.options.js';
import { PprofService } from './pprof.service.js';

/** That of `forRoot` takes its place. Not every default: a feature module would start what the root module has switched off. */
const optionsProvider: FactoryProvider = {
  provide: PPROF_OPTIONS,
  useFactory: () => {
    throw new PprofOptionsError([
      'it is imported without options, where it takes PprofModule.forRoot() in the root module; what injects PprofService in another module imports nothing, where the root module has PprofModule.forRoot({ isGlobal: true })',
    ]);
  },
};

/**
 * Serves runtime profiles of a NestJS application over HTTP, in the format of `go tool pprof`, as Go's package
 * `net/http/pprof` does: on a listener of its own on loopback, from a thread of its own, so that it answers even while
 * the application's event loop is stuck. No route is added to the application.
 *
 * To use it, import it into the root module. It starts as soon as that is constructed, and there is one profiler to a process,
 * however often it is imported:
 *
 * ```ts
 * @Module({ imports: [PprofModule.forRoot({ enabled: true, port: 6060 })] })
 * export class AppModule {}
 * ```
 *
 * or switch it by configuration (with `imports: [ConfigModule]` where that is not global):
 *
 * ```ts
 * PprofModule.forRootAsync({
 *   inject: [ConfigService],
 *   useFactory: (config: ConfigService) => ({
 *     enabled: config.get('PPROF_ENABLED') === 'true',
 *     port: Number(config.get('PPROF_PORT') || 6060),
 *   }),
 * })
 * ```
 *
 * ## Usage
 *
 * To see where the program spends CPU time, for 30 seconds or for as long as you say:
 *
 *     go tool pprof http://127.0.0.1:6060/debug/pprof/profile
 *     go tool pprof 'http://127.0.0.1:6060/debug/pprof/profile?seconds=5'
 *
 * the same as a table, with nothing but curl:
 *
 *     curl 'http://127.0.0.1:6060/debug/pprof/profile?seconds=5&format=text'
 *
 * where a second table tells the routes that burned it. Samples are labelled with `route`, `controller` and `handler`, and with
 * what the application gives to `PprofService.withLabels`:
 *
 *     go tool pprof -top -tagroot route 'http://127.0.0.1:6060/debug/pprof/profile?seconds=5'
 *     go tool pprof -top -tagfocus 'route=GET /cats/:id' 'http://127.0.0.1:6060/debug/pprof/profile?seconds=5'
 *
 * and for Chrome DevTools or VS Code, with its timeline:
 *
 *     curl -o profile.cpuprofile 'http://127.0.0.1:6060/debug/pprof/profile?seconds=5&format=cpuprofile'
 *
 * What is alive on the heap, and what has been added to it in ten seconds:
 *
 *     go tool pprof http://127.0.0.1:6060/debug/pprof/heap
 *     go tool pprof 'http://127.0.0.1:6060/debug/pprof/heap?seconds=10'
 *     curl -o heap.heapprofile 'http://127.0.0.1:6060/debug/pprof/heap?format=heapprofile'
 *
 * All that is allocated in ten seconds, garbage too; `heap` begins anew afterwards:
 *
 *     go tool pprof 'http://127.0.0.1:6060/debug/pprof/allocs?seconds=10'
 *
 * What every thread is doing right now, the thing to ask of a program that hangs; and the worker threads there are:
 *
 *     curl 'http://127.0.0.1:6060/debug/pprof/goroutine?debug=2'
 *     curl 'http://127.0.0.1:6060/debug/pprof/threadcreate?debug=1'
 *
 * What keeps the event loop from turning, for longer than 20 ms:
 *
 *     go tool pprof 'http://127.0.0.1:6060/debug/pprof/block?seconds=10'
 *
 * What happened when, for https://ui.perfetto.dev: garbage collections, timers, requests, file access:
 *
 *     curl -o trace.json 'http://127.0.0.1:6060/debug/pprof/trace?seconds=2.5'
 *
 * The whole heap of a thread, for Chrome DevTools; only where the option `heapSnapshot` is on:
 *
 *     curl -o heap.heapsnapshot http://127.0.0.1:6060/debug/pprof/heapsnapshot
 *
 * Memory, event loop and versions as JSON, as Go's expvar has them; the command line, with secrets masked:
 *
 *     curl http://127.0.0.1:6060/debug/vars
 *     curl --output - http://127.0.0.1:6060/debug/pprof/cmdline
 *
 * The index page, http://127.0.0.1:6060/debug/pprof/, lists everything there is and has links to flame graphs (`ui/`).
 * `mutex` (always empty) and `symbol` are there for clients that ask for them. For a program on another machine,
 * forward the port first:
 *
 *     ssh -L 6060:127.0.0.1:6060 user@host
 *
 * ## Parameters
 *
 * - `seconds=N`: `profile` lasts so long (default 30, at most the option `maxSeconds`), `trace` too (default 1, fractions
 *   allowed); `block` and `allocs` are of so many seconds; other profiles report the difference they make
 * - `hz=N`: samples per second of `profile`, 1 to 1000 (default 100)
 * - `threads=all|main|ID,ID`: the threads to profile (default all; 0 is the main thread); V8's own formats and
 *   `heapsnapshot` are of one (default main)
 * - `labels=false`: `profile` and `block` without labels but that of the thread
 * - `past=N` (`profile`, with the option `flightRecorder`): the last N seconds, up to now or to `until=`, an ISO time or
 *   HH:MM:SS; `incidents` lists what went wrong
 * - `threshold=N`: milliseconds that a turn of an event loop may take before `block` counts it (default 20)
 * - `gc=1`: collect garbage before `heap` is sampled
 * - `debug=1`: counted stacks as text, of the profiles but `profile`; `debug=2` of `goroutine` is a dump to read
 * - `format=text`: a table like that of `go tool pprof -top`; `cpuprofile` of `profile`, and `heapprofile` of `heap` and
 *   `allocs`, are V8's own formats
 * - `categories=A,B`: what `trace` records, by the names of Node's trace events
 *
 * ## What it costs
 *
 * Disabled: nothing; no thread, no port, no native addon. Enabled and not asked: an idle thread, V8's sampling heap
 * profiler (unless `heap: false`) and a timer that fires twice a second. During a capture: V8's sampling, and a pause when
 * it ends and, unless the sampler is warm, when it starts, which grows with the code and the heap, to most of a second with
 * 1.5 GB: docs/benchmarks.md has the figures. Decoding, source maps, encoding and compression happen in the profiling
 * thread. `gc=1` and `allocs?seconds=` collect all garbage, which pauses a thread with a large heap for longer; a heap
 * snapshot stops it for seconds.
 *
 * ## Safety
 *
 * Whoever can connect to the port can read the profiles: other users of the machine, containers of the same pod. The
 * options `socketPath`, `auth` and `profiles` narrow that. Web pages are refused by their `Host`, `Origin` and
 * `Sec-Fetch-Site`. A profile has names of functions, files and routes, no values but those that the application labels it with;
 * a trace has the paths of requests. Nothing
 * that fails in the profiler stops the application, or keeps it from starting or ending.
 */
@Module({
  providers: [PprofService, containerProvider, optionsProvider],
  exports: [PprofService],
})
export class PprofModule extends PprofConfigurableModule {
  /**
   * With options that are known where the module is imported.
   *
   * @example
   * ```ts
   * PprofModule.forRoot({ enabled: process.env.NODE_ENV !== 'test', port: 6060 })
   * ```
   *
   * @param options every one of them has a default; `isGlobal` makes `PprofService` injectable everywhere
   * @throws {PprofOptionsError} where that is no object; what is wrong in it is told when the application starts.
   */
  static override forRoot(options: PprofModuleOptions & { isGlobal?: boolean } = {}): DynamicModule {
    // Nest reads its keys, here and now.
    return super.forRoot(checkedObject(options, 'forRoot'));
  }

  /**
   * With options that are made when the application starts, by `useFactory`, `useClass` or `useExisting`.
   *
   * @example
   * ```ts
   * PprofModule.forRootAsync({
   *   inject: [ConfigService],
   *   useFactory: (config: ConfigService) => ({ enabled: config.getOrThrow<boolean>('PPROF_ENABLED') }),
   * })
   * ```
   *
   * @param options `isGlobal` makes `PprofService` injectable everywhere
   * @throws {PprofOptionsError} where it gets nothing that makes the options.
   */
  static override forRootAsync(
    options: ConfigurableModuleAsyncOptions<PprofModuleOptions, 'createPprofOptions'> & {
      isGlobal?: boolean;
    },
  ): DynamicModule {
    return super.forRootAsync(checkedFactory(options));
  }
}
