import { Module } from '@nestjs/common';
import { PprofConfigurableModule } from './pprof.options.js';
import { PprofService } from './pprof.service.js';

@Module({
  providers: [PprofService],
  exports: [PprofService],
})
export class PprofModule extends PprofConfigurableModule {}
