import type { Readable } from 'node:stream';
import type { Profile } from '../pprof/profile.model.js';
import type { SourceMaps } from '../pprof/source.maps.js';
import type { Symbolizer } from '../pprof/profile.symbolizer.js';
import type { V8Profile } from '../pprof/v8.profiles.js';
import type { PprofProfileName } from '../../shared/profile.names.js';
import type { ApplicationThreads } from '../capture/application.threads.js';
import type { ThreadSelection } from '../capture/thread.selection.js';

/** The parameters of a query, where the first value of a repeated one counts. @internal */
export type Query = Readonly<Record<string, string>>;

/** A stretch of the past, in milliseconds since the epoch. @internal */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** What a response may hold; the last two are V8's own, JSON of one thread, by the ending of their files. @internal */
export type ProfileFormat = 'pprof' | 'text' | 'markdown' | 'cpuprofile' | 'heapprofile';

/** What the options say about recordings. @internal */
export interface RecordingOptions {
  readonly maxSeconds: number;
  /** Default of the parameter "threshold". */
  readonly thresholdMillis: number;
  /** Undefined where the flight recorder is off. */
  readonly recorder?: { readonly minutes: number; readonly hz: number } | undefined;
  /** Whether heap snapshots are served. */
  readonly heapSnapshot: boolean;
}

/** The parameters of a request for a profile, with the defaults of its kind filled in. @internal */
export interface CheckedRequest {
  /** Length of the window; undefined for the state at this moment. */
  readonly seconds: number | undefined;
  /** What is asked of the flight recorder. */
  readonly past?: Stretch | undefined;
  /** Samples per second. */
  readonly hz: number;
  readonly threads: ThreadSelection;
  /** Milliseconds that a turn of an event loop may take before it counts as blocking. */
  readonly thresholdMillis: number;
  /** The only route that it is of; undefined for all that is done. */
  readonly route: string | undefined;
  /** Whether samples carry labels, besides that of the thread. */
  readonly labels: boolean;
  /** Whether garbage is collected first. */
  readonly gc: boolean;
  /** 0 for pprof's binary format, as in Go. */
  readonly debug: number;
  readonly format: ProfileFormat;
}

/** @internal */
export interface ProfileRequest extends CheckedRequest {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** The table of these, `recording.table.ts`, makes the routes, the index page and the documentation. @internal */
export interface ProfileKind {
  /** Last part of its path: `/debug/pprof/<name>`. */
  readonly name: PprofProfileName;
  /** One sentence for the index page. */
  readonly description: string;
  /** Parameters it takes; any other is ignored, as in Go, also one of these that is not there, and named in a comment. */
  readonly parameters: {
    /**
     * - `window`: the profile is of so many seconds, `default` unless asked otherwise
     * - `optional-window`: it is of so many seconds, or of all the time until now
     * - `delta`: it is of this moment, or of the difference that so many seconds make to it
     */
    readonly seconds:
      { readonly kind: 'window'; readonly default: number } | { readonly kind: 'optional-window' | 'delta' };
    readonly hz?: { readonly default: number };
    /** Whether it can be had of what the flight recorder keeps. */
    readonly past?: boolean;
    /** Whether the threads can be chosen; else it is of the main thread. */
    readonly threads?: boolean;
    readonly threshold?: boolean;
    /** Whether it can be of one route alone, by the label of its samples. */
    readonly route?: boolean;
    /** Whether samples carry labels, besides that of the thread. */
    readonly labels?: boolean;
    readonly gc?: boolean;
    readonly debug?: boolean;
    readonly formats: readonly ProfileFormat[];
  };
  /** What has to be known of every profile of this kind, a sentence each: for the report in Markdown, if it has one. */
  readonly caveats?: readonly string[];
  /** Whether `debug=2` is a dump to read, with what is noted of each sample; else it is the same as `debug=1`. */
  readonly hasDump?: boolean;
  capture(request: ProfileRequest, threads: ApplicationThreads): Promise<Profile>;
  /** The same as V8 has it, where it has a format of V8's own: before positions are mapped to the original sources. */
  captureV8?(request: ProfileRequest, threads: ApplicationThreads): Promise<V8Profile>;
}

/** What a recording is made of, and with. @internal */
export interface RecordingContext {
  readonly threads: ApplicationThreads;
  readonly symbolizer: Symbolizer;
  readonly sourceMaps: SourceMaps;
  readonly process: {
    readonly pid: number;
    readonly entryScript: string;
    readonly root: string;
    readonly instance: string | undefined;
  };
}

/** How an answer is labelled; known before anything is recorded. @internal */
export type RecordingHead =
  | { readonly as: 'text' | 'markdown' }
  /** A file for a program; a browser saves it under this name. */
  | { readonly as: 'file'; readonly fileName: string };

/** A body too large for memory is streamed; it must be destroyed where it is not read to its end. @internal */
export type RecordingBody =
  | string
  | Buffer
  /** With what its viewers do not show. */
  | { readonly bytes: Buffer; readonly comments: readonly string[] }
  | { readonly size: number; readonly stream: Readable };

/** A request that has been found to be in order. @internal */
export interface PreparedRecording {
  readonly head: RecordingHead;
  /**
   * Length of its window, 0 for what takes as long as it takes and is made for each request anew; undefined for what is of
   * this moment and the same for all who ask now.
   */
  readonly seconds?: number | undefined;
  /** @param signal aborted when nobody waits for the answer any more */
  record(context: RecordingContext, signal: AbortSignal): Promise<RecordingBody>;
}

/** @internal */
export interface RecordingView {
  /** Of the link. */
  readonly text: string;
  /** What the viewer asks for. */
  readonly query: string;
  /** Of the two that speedscope has: stacks side by side, or as they came one after the other. */
  readonly order: 'left-heavy' | 'time-ordered';
}

/** What is recorded of the application and served under its name, whatever its format. @internal */
export interface RecordingKind {
  /** Last part of its path: `/debug/pprof/<name>`. */
  readonly name: PprofProfileName;
  /** One sentence for the index page. */
  readonly description: string;
  /** How the flame graph viewer shows it, if it can. */
  readonly views: readonly RecordingView[];
  /** The query of what is there to be downloaded. */
  readonly download: string;
  /** What is there to be read: the text of each link, and its query. */
  readonly texts: ReadonlyArray<{ readonly text: string; readonly query: string }>;
  /** Checks the request. @throws {BadParameterError} or where it is off */
  prepare(query: Query, options: RecordingOptions): PreparedRecording;
}
