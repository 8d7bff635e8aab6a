export { PprofModule } from './pprof.module.js';
export type { PprofAddress, PprofSocketAddress, PprofTcpAddress } from './pprof.address.js';
export { PprofService, type PprofStatus } from './pprof.service.js';
export {
  PPROF_OPTIONS,
  type PprofAuthOptions,
  type PprofBlockOptions,
  type PprofHeapOptions,
  type PprofModuleOptions,
  type PprofOptionsFactory,
} from './pprof.options.js';
export type { PprofProfileName } from './profile.names.js';
export { PprofOptionsError, PprofStartError } from './pprof.errors.js';
