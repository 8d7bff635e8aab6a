export { PprofModule } from './pprof.module.js';
export { PprofLabels, type PprofLabelValues } from './pprof.labels.js';
export { PprofService } from './pprof.service.js';
export type { PprofAddress, PprofSocketAddress, PprofStatus, PprofTcpAddress } from './pprof.status.js';
export {
  PPROF_OPTIONS,
  type PprofAuthOptions,
  type PprofBlockOptions,
  type PprofFlightRecorderOptions,
  type PprofHeapOptions,
  type PprofLabelsOptions,
  type PprofModuleOptions,
  PprofOptionsError,
  type PprofOptionsFactory,
  type PprofOutOfMemoryOptions,
} from './pprof.options.js';
export type { PprofProfileName } from './shared/profile.names.js';
