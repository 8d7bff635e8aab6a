export { PprofModule } from './pprof.module.js';
export { PprofService, type PprofAddress, type PprofStatus } from './pprof.service.js';
export {
  PPROF_OPTIONS,
  type PprofBlockOptions,
  type PprofHeapOptions,
  type PprofModuleOptions,
  type PprofOptionsFactory,
} from './pprof.options.js';
export { PprofOptionsError, PprofStartError } from './pprof.errors.js';
