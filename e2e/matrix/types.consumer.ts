// Compiled against the packed package, with it and its declarations as users have them: see types.mjs.
import { Module } from '@nestjs/common';
import {
  PPROF_OPTIONS,
  type PprofAddress,
  PprofModule,
  type PprofModuleOptions,
  PprofOptionsError,
  type PprofOptionsFactory,
  type PprofProfileName,
  PprofService,
  type PprofStatus,
} from 'nestjs-pprof';

class Options implements PprofOptionsFactory {
  createPprofOptions(): PprofModuleOptions {
    return { enabled: true, host: '127.0.0.1', port: 6060 };
  }
}

@Module({
  imports: [
    PprofModule.forRoot({ profiles: ['heap', 'profile'], outOfMemory: { directory: '/tmp' } }),
    PprofModule.forRootAsync({ useFactory: (): PprofModuleOptions => ({ socketPath: '/tmp/pprof.sock' }) }),
    PprofModule.forRootAsync({ useClass: Options }),
  ],
  providers: [{ provide: 'options', useExisting: PPROF_OPTIONS }],
})
export class AppModule {
  constructor(private readonly pprof: PprofService) {}

  get status(): PprofStatus {
    return this.pprof.status;
  }

  start(): Promise<PprofAddress | undefined> {
    return this.pprof.start();
  }
}

export const name: PprofProfileName = 'heap';
// @ts-expect-error There is no such profile: the type is not `any`.
export const noName: PprofProfileName = 'nothing';
export const problems = (error: PprofOptionsError): readonly string[] => error.problems;
