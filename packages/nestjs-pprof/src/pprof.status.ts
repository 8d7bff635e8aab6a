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

/** Profiles are served on a TCP port. */
export interface PprofTcpAddress {
  /** The loopback address that is listened on, `127.0.0.1` for example; of both families that of IPv4. */
  readonly host: string;
  /** The port that was taken, also where the option says 0 or `whenPortTaken: 'next'`. */
  readonly port: number;
  /** None: see {@link PprofSocketAddress}. */
  readonly socketPath?: undefined;
  /** The index page, for example `http://127.0.0.1:6060/debug/pprof/`. */
  readonly url: string;
}

/** Profiles are served on a unix socket. */
export interface PprofSocketAddress {
  /** None: see {@link PprofTcpAddress}. */
  readonly host?: undefined;
  /** None: see {@link PprofTcpAddress}. */
  readonly port?: undefined;
  /** Absolute path of the socket. */
  readonly socketPath: string;
  /** The index page, to be asked for over the socket: `http://localhost/debug/pprof/`. */
  readonly url: string;
}

/** Where the profiles are served: `socketPath` tells which of the two it is. */
export type PprofAddress = PprofTcpAddress | PprofSocketAddress;

/** Of what the profiling thread listens on. @internal */
export function toPprofAddress(
  listening: { readonly host: string; readonly port: number } | { readonly socketPath: string },
): PprofAddress {
  if ('socketPath' in listening) {
    return { socketPath: listening.socketPath, url: 'http://localhost/debug/pprof/' };
  }
  const { host, port } = listening;
  return { host, port, url: `http://${host.includes(':') ? `[${host}]` : host}:${port}/debug/pprof/` };
}

/** An address as the log has it, so that it can be copied from there. @internal */
export function describeAddress({ socketPath, url }: PprofAddress): string {
  return socketPath === undefined ? url : `${socketPath}: curl --unix-socket ${socketPath} ${url}`;
}
