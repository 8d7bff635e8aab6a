import { Module } from '@nestjs/common';
import { PprofConfigurableModule } from './pprof.options.js';
import { PprofService } from './pprof.service.js';

/**
 * Serves runtime profiles of a NestJS application over HTTP, in the format of `go tool pprof`, as Go's package
 * `net/http/pprof` does: on a listener of its own on loopback, from a thread of its own, so that it answers even while
 * the application's event loop is stuck. No route is added to the application.
 *
 * To use it, import it into the root module:
 *
 * ```ts
 * @Module({ imports: [PprofModule.forRoot({ enabled: true, host: '127.0.0.1', port: 6060 })] })
 * export class AppModule {}
 * ```
 *
 * or switch it by configuration:
 *
 * ```ts
 * PprofModule.forRootAsync({
 *   inject: [ConfigService],
 *   useFactory: (config: ConfigService) => ({
 *     enabled: config.get('PPROF_ENABLED') === 'true',
 *     port: Number(config.get('PPROF_PORT') ?? 6060),
 *   }),
 * })
 * ```
 *
 * ## Usage
 *
 * To see where the program spends CPU time, for 30 seconds or for as long as you say:
 *
 *     go tool pprof http://localhost:6060/debug/pprof/profile
 *     go tool pprof http://localhost:6060/debug/pprof/profile?seconds=5
 *
 * the same as a table, with nothing but curl:
 *
 *     curl 'http://localhost:6060/debug/pprof/profile?seconds=5&format=text'
 *
 * what is alive on the heap, and what has been added to it in ten seconds:
 *
 *     go tool pprof http://localhost:6060/debug/pprof/heap
 *     go tool pprof http://localhost:6060/debug/pprof/heap?seconds=10
 *
 * what every thread is doing right now, the thing to ask of a program that hangs:
 *
 *     curl 'http://localhost:6060/debug/pprof/goroutine?debug=2'
 *
 * what keeps the event loop from turning:
 *
 *     go tool pprof http://localhost:6060/debug/pprof/block?seconds=10
 *
 * For a program on another machine, forward the port first:
 *
 *     ssh -L 6060:localhost:6060 user@host
 *
 * The index page, http://localhost:6060/debug/pprof/, lists everything there is.
 *
 * ## Parameters
 *
 * - `seconds=N`: `profile` lasts so long (default 30, at most the option `maxSeconds`); `heap` and `block` report the
 *   difference, or the window, of so many seconds
 * - `hz=N`: samples per second of `profile`, 1 to 1000 (default 100)
 * - `threads=all|main|ID,ID`: the threads to look at (default all; 0 is the main thread)
 * - `threshold=N`: milliseconds that a turn of an event loop may take before `block` counts it (default 20)
 * - `gc=1`: collect garbage before `heap` is sampled
 * - `debug=1`: counted stacks as text, of `heap`, `goroutine`, `threadcreate` and `block`; `debug=2` of `goroutine` is a
 *   dump to read
 * - `format=text`: a table like that of `go tool pprof -top`
 *
 * ## What it costs
 *
 * Disabled: nothing; no thread, no port, no native addon. Enabled and not asked: an idle thread, V8's sampling heap
 * profiler (unless `heap: false`) and a timer that fires twice a second. During a capture: V8's sampling, and a pause of
 * some tens of milliseconds when it starts and ends. Decoding, source maps, encoding and compression happen in the
 * profiling thread.
 */
@Module({
  providers: [PprofService],
  exports: [PprofService],
})
export class PprofModule extends PprofConfigurableModule {}
