import type { PprofAddress } from './pprof.address.js';

/** What the profiler is doing, or that of another `PprofModule` of this process, which both then share. The application is not affected by any of it. */
export interface PprofStatus {
  /**
   * - `disabled`: switched off by the options, and not started by hand
   * - `starting`, `listening`, `stopped`: what they say
   * - `waiting`: the port, or the socket, is taken; it listens as soon as that is free
   * - `restarting`: the profiling thread has ended by itself, and is started again after a pause, 1 s at first and up to
   *   60 s where it ends again and again
   * - `failed`: it cannot start, and does not try again by itself
   */
  readonly state: 'disabled' | 'starting' | 'listening' | 'waiting' | 'restarting' | 'stopped' | 'failed';
  /** Where the profiles are served, while it is `listening`. */
  readonly address?: PprofAddress;
  /** Why it is `waiting`, `restarting` or `failed`. */
  readonly reason?: string;
}
