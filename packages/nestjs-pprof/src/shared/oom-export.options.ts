/** What the process that writes the profile is told, as its argument. @internal */
export interface OomExportOptions {
  readonly directory: string;
  readonly maxFiles: number;
  readonly maxBytes: number;
  readonly samplingInterval: number;
  readonly stackDepth: number;
  /** Since when allocations were sampled, milliseconds since the epoch. */
  readonly since: number;
  /** Whether what was freed meanwhile was counted, too, as in a window of `allocs?seconds=`. */
  readonly withGarbage: boolean;
  /** What Node was started with, and where: source maps and the names of files are looked up from there. */
  readonly script: string | undefined;
  readonly cwd: string;
  /** See `ThreadData`. */
  readonly ownCode: readonly string[];
}
