import { ConfigurableModuleBuilder } from '@nestjs/common';

/** How live objects are sampled. */
export interface PprofHeapOptions {
  /**
   * Average number of bytes allocated between two samples. Smaller sees smaller leaks sooner and costs more; V8's own
   * default, and Go's, is 512 KiB.
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
   * Whether the main thread's event loop is watched all the time, so that `block` without `seconds` tells what has blocked
   * it since start-up. Costs one timer on the main thread, and a look at its stack whenever it is blocked for longer than
   * 100 ms.
   *
   * @default false
   */
  watch?: boolean;

  /**
   * Milliseconds that a turn of an event loop may take before it counts as blocking, 1 to 60000. Raise it where turns are
   * long by design.
   *
   * @default 20
   */
  threshold?: number;
}

/** Options of `PprofModule.forRoot`. */
export interface PprofModuleOptions {
  /**
   * Whether profiling starts with the application. `false` starts no thread, opens no port and loads no native addon;
   * `PprofService.start()` can still switch it on later.
   *
   * @default true
   */
  enabled?: boolean;

  /**
   * The loopback address to listen on: `localhost`, `127.0.0.0/8` or `::1`. Anything else is refused, as a profile
   * tells a stranger what your program does: reach it from elsewhere through `ssh -L`.
   *
   * @default '127.0.0.1'
   */
  host?: string;

  /**
   * The TCP port, 0 to 65535; 0 takes a free one, which `PprofService.address` tells. Change it where several services
   * share a host.
   *
   * @default 6060
   */
  port?: number;

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
   * The longest capture a request may ask for with `seconds`, 1 to 3600. Raise it for rare events.
   *
   * @default 300
   */
  maxSeconds?: number;
}

/** What `forRootAsync({ useClass | useExisting })` expects. */
export interface PprofOptionsFactory {
  createPprofOptions(): PprofModuleOptions | Promise<PprofModuleOptions>;
}

export const { ConfigurableModuleClass: PprofConfigurableModule, MODULE_OPTIONS_TOKEN: PPROF_OPTIONS } =
  new ConfigurableModuleBuilder<PprofModuleOptions>({ moduleName: 'Pprof' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createPprofOptions')
    .setExtras({ isGlobal: false }, (definition, { isGlobal }) => ({ ...definition, global: isGlobal }))
    .build();
