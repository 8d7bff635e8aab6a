import { existsSync, renameSync, rmSync, watch, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import { type CpuSegment, monotonicMillis } from '../../shared/agent.protocol.js';
import { messageOf, tried } from '../../shared/pprof.error.js';
import {
  deleteOldest,
  oomProfileName,
  storeOomProfile,
  uniqueDigits,
} from '../../shared/oom-profile.files.js';
import type { ApplicationInfo, FlightRecording, FromThread, ToThread } from '../../shared/thread.protocol.js';
import type { FlightRecorder } from '../capture/flight.recorder.js';
import { OriginalPositions } from '../pprof/original.positions.js';
import { encodePprof } from '../pprof/pprof.encoder.js';
import type { Profile } from '../pprof/profile.model.js';
import { programPaths, Symbolizer } from '../pprof/profile.symbolizer.js';
import { SourceMaps } from '../pprof/source.maps.js';
import { recordedProfile } from './cpu.profile.js';

/** So much of what is kept can be written before the process is gone. */
const LAST_MILLIS = 120_000;

/** What is shorter is the time that it takes to get here. */
const NOTABLE_MILLIS = 500;

const CUT = 'the main thread could not be asked any more';

const STDERR = 2;

/** @internal */
export interface WriterOptions {
  readonly recorder: FlightRecorder;
  readonly recording: FlightRecording & { readonly directory: string };
  readonly heapFullMarker: string;
  readonly application: ApplicationInfo;
}

/** Writes what the flight recorder has when the process dies: of an exception, a signal, or a heap that is full. @internal */
export class RecordingWriter {
  readonly #entryScript: string;
  readonly #root: string;
  #isHeapFull = false;
  /** A heap that is full at once is full before there is anything. */
  readonly #startedAt = monotonicMillis();

  constructor(
    private readonly channel: MessagePort,
    private readonly options: WriterOptions,
  ) {
    const { argv, cwd, execPath } = options.application;
    ({ entryScript: this.#entryScript, root: this.#root } = programPaths(argv[1], cwd, execPath));
  }

  start(): void {
    const { recorder, recording } = this.options;
    this.channel.on('message', (message: ToThread) => {
      if (message.type === 'save-recording') {
        const { segment, cause, written } = message;
        void this.#write(`had ${cause}`, segment).finally(() => {
          Atomics.store(new Int32Array(written), 0, 1);
          Atomics.notify(new Int32Array(written), 0);
        });
      }
    });
    this.#watchForFullHeap();
    // Where each start has ended in a crash, nobody may have come to it.
    void deleteOldest(recording, 'flight').catch(() => undefined);
    let isRehearsed = false;
    recorder.onWindow(() => {
      if (!isRehearsed) {
        isRehearsed = true;
        void this.#rehearse().catch(() => undefined);
      }
    });
  }

  /** Code that has not run yet takes several times as long, and there is no time when it counts. */
  async #rehearse(): Promise<void> {
    await this.#encode(this.#profile('', Date.now(), false), UNMAPPED);
  }

  /**
   * The main thread is in V8's garbage collector then, and another process waits for the file. It may live on: what filled the heap
   * may be garbage a moment later. Then it may happen again.
   */
  #watchForFullHeap(): void {
    const { recording, heapFullMarker } = this.options;
    const marker = join(recording.directory, heapFullMarker);
    const onFull = async () => {
      this.#isHeapFull = true;
      const failure = await this.#write('had no room left in its heap', null);
      if (failure !== undefined) {
        // The main thread, which writes for all, stands still.
        tried(() =>
          writeSync(STDERR, `nestjs-pprof: the flight recorder leaves nothing behind: ${failure}\n`),
        );
      }
      tried(() => rmSync(marker));
      this.#isHeapFull = false;
    };
    try {
      watch(recording.directory, { persistent: false }, (_, name) => {
        // It is told of more than once, and also when the file is gone.
        if (name === heapFullMarker && !this.#isHeapFull && existsSync(marker)) {
          void onFull();
        }
      }).on('error', () => undefined);
    } catch (error) {
      // Where the directory could not be made, the application has been told.
      if (existsSync(recording.directory)) {
        const message = `Flight recorder: nothing is written when the heap is full, as its directory cannot be watched: ${messageOf(error)}`;
        this.channel.postMessage({ type: 'warning', message } satisfies FromThread);
      }
    }
  }

  /**
   * At once with the positions that V8 has; then, if the process lives as long, with those in the original sources. Never
   * throws: with a full disk, or no directory, the process dies as it would have without.
   *
   * @returns why nothing has been written; undefined where something has.
   */
  async #write(what: string, lastSegment: CpuSegment | null): Promise<string | undefined> {
    const { recorder, recording } = this.options;
    const writtenAt = new Date();
    const unique = uniqueDigits();
    const file = join(recording.directory, oomProfileName(process.pid, writtenAt, unique, 'flight'));
    const temporary = join(recording.directory, `.flight-${process.pid}-${unique}.tmp`);
    let profile;
    try {
      if (lastSegment) {
        recorder.onSegment(lastSegment);
      }
      if (!recorder.kept) {
        const seconds = ((monotonicMillis() - this.#startedAt) / 1000).toFixed(1);
        return `nothing has been recorded yet, ${recorder.outage ?? `${seconds} s after its start`}`;
      }
      profile = this.#profile(what, writtenAt.getTime(), lastSegment === null);
      const unmapped = await this.#encode(profile, UNMAPPED);
      // All at once: each turn of this loop may have to wait for a processor.
      writeFileSync(temporary, unmapped, { mode: 0o600, flag: 'wx' });
      renameSync(temporary, file);
    } catch (error) {
      // A half of it would keep the disk full.
      tried(() => rmSync(temporary, { force: true }));
      return messageOf(error);
    }
    try {
      const mapped = await this.#encode(profile, new SourceMaps({ root: this.#root }));
      await storeOomProfile(recording, process.pid, writtenAt, mapped, 'flight', unique);
    } catch {
      // There is the other.
    }
    return undefined;
  }

  async #encode(profile: Profile, sourceMaps: Pick<SourceMaps, 'load'>): Promise<Buffer> {
    return encodePprof(await new Symbolizer(sourceMaps, this.#root).symbolize(profile), this.#entryScript);
  }

  /** @param isCut whether the main thread could not hand over what it has seen last */
  #profile(what: string, now: number, isCut: boolean): Profile {
    const { recorder } = this.options;
    const stretch = { from: now - LAST_MILLIS, to: now };
    const end = recorder.kept?.to ?? now;
    const unread =
      isCut && now - end >= NOTABLE_MILLIS ? [`since ${new Date(end).toISOString()}: ${CUT}`] : [];
    const recording = recorder.readKept(stretch.from, stretch.to, unread);
    const profile = recordedProfile(recording, recorder, true, stretch);
    const { version, platform, arch } = process;
    const heading = `nestjs-pprof: the last minutes of pid ${process.pid}, which ${what}, node ${version} ${platform}-${arch}`;
    return { ...profile, comments: [heading, ...profile.comments] };
  }
}

/** To read maps may take longer than there is. */
const UNMAPPED: Pick<SourceMaps, 'load'> = {
  load: () => Promise.resolve(new OriginalPositions(new Map(), () => false, [])),
};
