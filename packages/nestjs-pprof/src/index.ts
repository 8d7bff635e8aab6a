export { PprofModule } from './pprof.module.js';
export type { PprofAddress, PprofSocketAddress, PprofTcpAddress } from './pprof.status.js';
export { PprofService } from './pprof.service.js';
export type { PprofStatus } from './pprof.status.js';
export {
  PPROF_OPTIONS,
  type PprofAuthOptions,
  type PprofBlockOptions,
  type PprofHeapOptions,
  type PprofModuleOptions,
  type PprofOptionsFactory,
  type PprofOutOfMemoryOptions,
} from './pprof.options.js';
export type { PprofProfileName } from './shared/profile.names.js';
export { PprofOptionsError } from './pprof.errors.js';
