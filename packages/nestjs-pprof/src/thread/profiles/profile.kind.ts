import type { PprofProfileName } from '../../shared/profile.names.js';
import type { Profile } from '../pprof/profile.model.js';
import type { ApplicationThreads } from '../capture/application.threads.js';
import type { ThreadSelection } from '../capture/thread.info.js';

/** V8's own formats, by the ending of their files, see `v8.formats.ts`. @internal */
export type V8FormatName = 'cpuprofile' | 'heapprofile';

/** What a response may hold. @internal */
export type ProfileFormat = 'pprof' | 'text' | V8FormatName;

/** What the options say about requests. @internal */
export interface ProfileLimits {
  readonly maxSeconds: number;
  /** Default of the parameter "threshold". */
  readonly thresholdMillis: number;
}

/** A request for a profile, checked, with the defaults of its kind filled in. @internal */
export interface ProfileRequest {
  /** Length of the window; undefined for the state at this moment. */
  readonly seconds: number | undefined;
  /** Samples per second. */
  readonly hz: number;
  readonly threads: ThreadSelection;
  /** Milliseconds that a turn of an event loop may take before it counts as blocking. */
  readonly thresholdMillis: number;
  /** Whether garbage is collected first. */
  readonly gc: boolean;
  /** 0 for pprof's binary format, as in Go. */
  readonly debug: number;
  readonly format: ProfileFormat;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/**
 * A kind of profile. The table of these in `profile.kinds.ts` makes the routes, the index page and the documentation.
 *
 * @internal
 */
export interface ProfileKind {
  /** Last part of its path: `/debug/pprof/<name>`. */
  readonly name: PprofProfileName;
  /** One sentence for the index page. */
  readonly description: string;
  /** Parameters it takes; any other is ignored, as in Go. */
  readonly parameters: {
    /**
     * - `window`: the profile is of so many seconds, `default` unless asked otherwise
     * - `optional-window`: it is of so many seconds, or of all the time until now
     * - `delta`: it is of this moment, or of the difference that so many seconds make to it
     * - null: the parameter is refused
     */
    readonly seconds:
      | { readonly kind: 'window'; readonly default: number }
      | { readonly kind: 'optional-window' }
      | { readonly kind: 'delta' }
      | null;
    readonly hz: { readonly default: number } | null;
    /** Whether the threads can be chosen; else it is of the main thread. */
    readonly threads: boolean;
    readonly threshold?: boolean;
    readonly gc: boolean;
    readonly debug: boolean;
    readonly formats: readonly ProfileFormat[];
  };
  /** Whether `debug=2` is a dump to read, with what is noted of each sample; else it is the same as `debug=1`. */
  readonly hasDump?: boolean;
  capture(request: ProfileRequest, threads: ApplicationThreads): Promise<Profile>;
}
