import { mapCpuProfile, mapHeapProfile } from '../pprof/v8.profiles.js';
import { singleThread } from './query.parameters.js';
import type { ProfileFormat, ProfileRequest, V8FormatName } from './profile.kind.js';
import type { RecordingContext } from './recording.kind.js';

/** A format of V8's own: JSON, of one thread, taken through its inspector. @internal */
export interface V8Format {
  /** Of the file, as tools that open it expect it. */
  capture(request: ProfileRequest, context: RecordingContext): Promise<object>;
}

/** What can be had of V8 as it is; a kind of profile offers it by naming it in its `formats`. */
const V8_FORMATS: Readonly<Record<V8FormatName, V8Format>> = {
  cpuprofile: {
    async capture({ seconds = 30, hz, threads: selection, signal }, { threads, sourceMaps }) {
      const thread = singleThread(selection, 'format=cpuprofile');
      const profile = await threads.v8.captureCpuProfile({ thread, seconds, hz, signal });
      return mapCpuProfile(profile, sourceMaps);
    },
  },
  heapprofile: {
    async capture({ gc, threads: selection, signal }, { threads, sourceMaps }) {
      const thread = singleThread(selection, 'format=heapprofile');
      const profile = await threads.v8.sampleHeapProfile({ thread, gc, signal });
      return mapHeapProfile(profile, sourceMaps);
    },
  },
};

/** @internal */
export function isV8Format(format: ProfileFormat): format is V8FormatName {
  return Object.hasOwn(V8_FORMATS, format);
}

/** The format of V8's own that is asked for, if any is; `debug` asks for text, whatever the format. @internal */
export function v8FormatOf({ format, debug }: ProfileRequest): V8Format | undefined {
  return debug === 0 && isV8Format(format) ? V8_FORMATS[format] : undefined;
}
