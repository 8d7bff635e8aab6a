import type { PprofModuleOptions } from '../pprof.options.js';
import { wrong } from './option.checks.js';

/** Whether profiling starts with the application. @internal */
export interface SwitchOptions {
  readonly enabled: boolean;
}

/** @internal */
export const SWITCH_OPTIONS = ['enabled'];

/** @internal */
export function resolveSwitch({ enabled = true }: PprofModuleOptions, problems: string[]): SwitchOptions {
  if (typeof enabled !== 'boolean') {
    problems.push(wrong('enabled', enabled, 'true or false', `"${String(enabled)}" === "true"`));
  }
  return { enabled };
}
