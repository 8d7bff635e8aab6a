import type { Readable } from 'node:stream';
import type { SourceMaps } from '../pprof/source.maps.js';
import type { Symbolizer } from '../pprof/profile.symbolizer.js';
import type { PprofProfileName } from '../../shared/profile.names.js';
import type { ApplicationThreads } from '../capture/application.threads.js';
import type { Query } from './query.parameters.js';
import type { ProfileLimits } from './profile.kind.js';

/** What the options say about recordings. @internal */
export interface RecordingOptions extends ProfileLimits {
  /** Whether heap snapshots are served. */
  readonly heapSnapshot: boolean;
}

/** What a recording is made of, and with. @internal */
export interface RecordingContext {
  readonly threads: ApplicationThreads;
  readonly symbolizer: Symbolizer;
  readonly sourceMaps: SourceMaps;
  readonly process: { readonly pid: number; readonly entryScript: string };
}

/** How an answer is labelled; known before anything is recorded. @internal */
export type RecordingHead =
  | { readonly as: 'text' }
  /** A file for a program; a browser saves it under this name. */
  | { readonly as: 'file'; readonly fileName: string };

/** A body too large for memory is streamed; it must be destroyed where it is not read to its end. @internal */
export type RecordingBody = string | Buffer | { readonly size: number; readonly stream: Readable };

/** A request that has been found to be in order. @internal */
export interface PreparedRecording {
  readonly head: RecordingHead;
  /**
   * Length of the window of time that it takes, 0 for what takes as long as it takes and is made for each request anew;
   * undefined for what is of this moment and the same for all who ask now.
   */
  readonly seconds?: number | undefined;
  record(context: RecordingContext): Promise<RecordingBody>;
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

/**
 * What is recorded of the application and served under its name, whatever its format. The table of these in
 * `recordings.ts` makes the routes and the index page.
 *
 * @internal
 */
export interface RecordingKind {
  /** Last part of its path: `/debug/pprof/<name>`. */
  readonly name: PprofProfileName;
  /** One sentence for the index page. */
  readonly description: string;
  /** How the flame graph viewer shows it, if it can. */
  readonly views: readonly RecordingView[];
  /**
   * Checks the request.
   *
   * @param signal aborted when nobody waits for the answer any more
   * @throws {BadParameterError | NotEnabledError}
   */
  prepare(query: Query, options: RecordingOptions, signal: AbortSignal): PreparedRecording;
}
