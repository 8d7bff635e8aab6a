import { EventEmitter } from 'node:events';
import * as fs from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { encodeAddonProfile } from '../../../test-fixtures/addon-profile.js';
import { readPprof, type ReadableProfile } from '../../../test-fixtures/pprof-rules.js';
import type { CpuSegment } from '../../shared/agent.protocol.js';
import type { FlightRecorder, Recording } from '../capture/flight.recorder.js';
import type { WriterOptions } from './recording.writer.js';

/** What is wrong with the disk, and what is said on stderr. */
const disk = { isFull: false, watch: undefined as Error | undefined };
const said: string[] = [];
jest.unstable_mockModule('node:fs', () => ({
  ...fs,
  watch: (...args: Parameters<typeof fs.watch>) => {
    if (disk.watch) {
      throw disk.watch;
    }
    return fs.watch(...args);
  },
  writeSync: (_: number, text: string) => said.push(text),
  writeFileSync: (file: string, content: Uint8Array, options: fs.WriteFileOptions) => {
    fs.writeFileSync(file, disk.isFull ? content.subarray(0, 10) : content, options);
    if (disk.isFull) {
      throw new Error('ENOSPC: no space left on device, write');
    }
  },
}));
const { RecordingWriter } = await import('./recording.writer.js');

const MARKER = '.flight-1-00000000.full';
const WORK = { name: 'work', file: '/app/a.js', line: 1, column: 1 };
const SEGMENT = { hz: 20 } as CpuSegment;

let directory: string;
let channel: EventEmitter;
let told: object[];
let recorder: FakeRecorder;

/** Has the last ten seconds, all in `work`. */
class FakeRecorder {
  readonly hz = 20;
  readonly labels = false;
  kept: { to: number } | undefined = { to: Date.now() - 5000 };
  outage: string | undefined;
  readonly onSegment = jest.fn();
  onWindow = jest.fn<(listener: () => void) => void>();

  hold(reason: string): void {
    Object.assign(this, { kept: undefined, outage: reason });
  }

  fail(message: string): void {
    this.readKept = () => {
      throw new Error(message);
    };
  }

  readKept(from: number, to: number, missing: string[] = []): Recording {
    const segment = {
      profile: encodeAddonProfile([{ stack: [WORK], values: [200, 1e10, 0] }], 1e10),
      sampleLog: new Uint8Array(),
      labels: null,
      hz: 20,
      startedAt: to - 10_000,
      durationNanos: 1e10,
      processCpuNanos: 1e10,
      mainCpuNanos: 1e10,
      profilerCpuNanos: 0,
      samplerStuck: 0,
    } as unknown as Recording['segments'][number];
    return { segments: [segment], from: to - 10_000, to, missing: [`before ${from - from}`, ...missing] };
  }
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'flight-'));
  told = [];
  said.length = 0;
  Object.assign(disk, { isFull: false, watch: undefined });
  channel = Object.assign(new EventEmitter(), { postMessage: (message: object) => told.push(message) });
  recorder = new FakeRecorder();
});

afterEach(() => rm(directory, { recursive: true, force: true }));

function start(limits: { maxFiles?: number; directory?: string } = {}): void {
  new RecordingWriter(channel as unknown as MessagePort, {
    recorder: recorder as unknown as FlightRecorder,
    recording: { directory, maxFiles: 5, maxBytes: 1e6, ...limits } as WriterOptions['recording'],
    heapFullMarker: MARKER,
    application: {
      argv: ['node', '/app/main.js'],
      cwd: '/app',
      execPath: '/usr/bin/node',
    } as unknown as WriterOptions['application'],
  }).start();
}

/** Settles when the main thread would go on. */
async function save(cause: string, segment: CpuSegment | null = SEGMENT): Promise<void> {
  const isDone = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  channel.emit('message', { type: 'save-recording', cause, segment, written: isDone.buffer });
  while (Atomics.load(isDone, 0) === 0) {
    await setImmediate();
  }
}

/** As the process does that a full heap starts. */
async function markFull(): Promise<void> {
  const gone = new Promise<void>((resolve) => {
    const watcher = fs.watch(directory, { persistent: false }, (_, name) => {
      if (name === MARKER && !fs.existsSync(join(directory, MARKER))) {
        watcher.close();
        resolve();
      }
    });
  });
  await writeFile(join(directory, MARKER), '');
  await gone;
}

async function written(): Promise<ReadableProfile[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.pb.gz'));
  return Promise.all(names.map(async (name) => readPprof(await readFile(join(directory, name)))));
}

describe('RecordingWriter', () => {
  it('writes what the recorder has, with what was sampled last and the cause, for the owner alone', async () => {
    start();
    await save('SIGTERM');
    expect(recorder.onSegment).toHaveBeenCalledWith(SEGMENT);
    const [name = '', ...others] = await readdir(directory);
    expect(name).toMatch(new RegExp(String.raw`^flight-${process.pid}-\d{8}T\d{6}Z-[0-9a-f]{8}\.pb\.gz$`));
    expect(others).toEqual([]);
    expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
    const [profile] = await written();
    expect(profile!.comments[0]).toContain(
      `of pid ${process.pid}, which had SIGTERM, node ${process.version}`,
    );
    expect(profile!.comments.filter((comment) => comment.startsWith('missing'))).toEqual([
      'missing: before 0',
    ]);
    expect(profile!.samples.flatMap(({ stack }) => stack.map(({ name: frame }) => frame))).toContainEqual(
      expect.stringMatching(/^work /),
    );
  });

  it('writes nothing where nothing has been recorded, and lets the process die', async () => {
    recorder.kept = undefined;
    start();
    await save('SIGTERM', null);
    expect(recorder.onSegment).not.toHaveBeenCalled();
    expect(await readdir(directory)).toEqual([]);
  });

  it('lets the process die where it cannot write, too', async () => {
    start({ directory: join(directory, 'gone') });
    await save('SIGTERM');
    expect(await readdir(directory)).toEqual([]);
  });

  it('lets the process die, and the thread go on, where what was recorded cannot be read', async () => {
    const unhandled = jest.fn();
    process.on('unhandledRejection', unhandled);
    recorder.fail('cut short');
    start();
    const [listener] = recorder.onWindow.mock.calls[0]!;
    expect(listener).not.toThrow();
    await save('SIGTERM');
    await setImmediate();
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
    expect(await readdir(directory)).toEqual([]);
  });

  it('keeps no more files than it is told, those of processes before included', async () => {
    const old = ['20250101T000000Z', '20250102T000000Z', '20250103T000000Z'];
    await Promise.all(old.map((time) => writeFile(join(directory, `flight-7-${time}.pb.gz`), '')));
    await writeFile(join(directory, 'mine.txt'), '');
    start({ maxFiles: 2 });
    await save('SIGTERM');
    const names = await readdir(directory);
    const own = names.filter((name) => name.startsWith(`flight-${process.pid}-`));
    expect(own).toHaveLength(1);
    expect(names.toSorted()).toEqual(['flight-7-20250103T000000Z.pb.gz', 'mine.txt', ...own].toSorted());
  });

  it('writes once when the marker of a full heap is there, and takes that away; again where the process lived on', async () => {
    start();
    const read = jest.spyOn(recorder, 'readKept');
    for (const times of [1, 2]) {
      await markFull();
      const profiles = await written();
      expect(read).toHaveBeenCalledTimes(times);
      expect(profiles.map(({ comments: [first] }) => first)).toEqual(
        Array.from({ length: times }, () =>
          expect.stringContaining(`of pid ${process.pid}, which had no room left in its heap, node`),
        ),
      );
      // The last window was handed over five seconds ago.
      expect(profiles[0]!.comments).toContainEqual(
        expect.stringMatching(/^missing: since \S+Z: the main thread could not be asked any more$/),
      );
    }
  });

  it.each([
    ['nothing has been recorded yet, 0.', () => (recorder.kept = undefined)],
    ['nothing has been recorded yet, held by another', () => recorder.hold('held by another')],
    ['cut short', () => recorder.fail('cut short')],
  ])('says on stderr where a full heap leaves nothing behind: %s', async (why, prepare) => {
    prepare();
    start();
    await markFull();
    expect(said.join('')).toMatch(
      new RegExp(`^nestjs-pprof: the flight recorder leaves nothing behind: ${why}[^\\n]*\\n$`),
    );
    expect(await readdir(directory)).toEqual([]);
  });

  it("says nothing where the process ends by an exception: its output is the application's", async () => {
    recorder.kept = undefined;
    start();
    await save('an uncaught Error');
    expect(said).toEqual([]);
  });

  it('leaves no half of a file behind where the disk is full', async () => {
    disk.isFull = true;
    start();
    await save('SIGTERM');
    expect(await readdir(directory)).toEqual([]);
  });

  it('tells where the directory cannot be watched, so that nobody sees a full heap', () => {
    disk.watch = Object.assign(new Error('ENOSPC: System limit for number of file watchers reached'), {
      code: 'ENOSPC',
    });
    start();
    expect(told).toEqual([
      {
        type: 'warning',
        message: expect.stringMatching(/^Flight recorder: nothing .* file watchers reached$/),
      },
    ]);
  });

  it('has run all of its code once the recorder has its first window, and written nothing', async () => {
    start();
    const read = jest.spyOn(recorder, 'readKept');
    const [listener] = recorder.onWindow.mock.calls[0]!;
    listener();
    listener();
    expect(read).toHaveBeenCalledTimes(1);
    expect(await readdir(directory)).toEqual([]);
  });
});
