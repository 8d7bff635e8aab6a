import { tried } from '../shared/pprof.error.js';

const SIGNAL = 'SIGPROF';

/** Until V8 has put back what it has found: sampling ends a little after the thread that has asked for it. */
const RELEASE_AFTER_MILLIS = 500;

/** Signals are numbered from 1, bits from 0. */
const SIGNAL_BIT = 26n;

let holders = 0;
let isHeld = false;
let release: NodeJS.Timeout | undefined;

const listener = () => undefined;

/**
 * `process.removeAllListeners` takes ours along. It is back before Node's own listener for that event sees that there is none and
 * restores what the system does, which is to end the process: a sample may come in that very moment, on a busy machine at least.
 * https://github.com/nodejs/node/blob/main/lib/internal/process/signal.js (`stopListeningIfSignal`)
 */
const onRemoved = (event: string | symbol, removed: unknown) => {
  if (isHeld && event === SIGNAL && removed === listener) {
    tried(() => process.on(SIGNAL, listener));
  }
};

/**
 * V8 samples by a signal, SIGPROF, whose handler it installs for the time of a capture. The first listener that an application
 * adds for that signal, and the last one that it removes, install another: its samples are then lost, call the listener, or end
 * the process, as that is what an unhandled SIGPROF does. So a listener is held that does nothing; with it there, Node
 * leaves the handler alone. Not just for a capture: to add it is what does the harm, if another profiler is sampling.
 *
 * It does not keep the process alive.
 *
 * @returns lets go of it.
 * @internal
 */
export function holdSigprof(): () => void {
  holders++;
  clearTimeout(release);
  if (!isHeld && process.platform !== 'win32' && !isHandledByOther() && listens()) {
    isHeld = true;
    (process as NodeJS.EventEmitter).prependListener('removeListener', onRemoved);
  }
  let isReleased = false;
  return () => {
    if (!isReleased) {
      isReleased = true;
      holders--;
      releaseSoon();
    }
  };
}

/** Whether the application listens for the signal: while V8 samples it may be taken for a sample. @internal */
export function isSigprofAwaited(): boolean {
  return process.listenerCount(SIGNAL) > (isHeld ? 1 : 0);
}

function releaseSoon(): void {
  clearTimeout(release);
  const letGo = () => {
    if (holders > 0 || !isHeld) {
      return;
    }
    if (isBeingSampled()) {
      releaseSoon();
      return;
    }
    isHeld = false;
    process.off('removeListener', onRemoved);
    process.off(SIGNAL, listener);
  };
  // Held on where the application has broken the timers.
  release = tried(() => setTimeout(letGo, RELEASE_AFTER_MILLIS).unref());
}

/**
 * Where a debugger is connected (`--inspect`, a session of the application's), Node warns and installs no handler, for nobody: it
 * then leaves V8's alone, too. https://github.com/nodejs/node/blob/main/src/signal_wrap.cc (`SignalWrap::Start`)
 *
 * @returns whether the listener was added
 */
function listens(): boolean {
  const { emitWarning } = process;
  let isReserved = false;
  process.emitWarning = (...warning: unknown[]) => {
    isReserved ||= String(warning[0]).includes('SIGPROF');
    if (!isReserved) {
      Reflect.apply(emitWarning, process, warning);
    }
  };
  try {
    process.on(SIGNAL, listener);
  } catch {
    // What the application has done on `newListener`, or put in the place of `on`.
    return false;
  } finally {
    process.emitWarning = emitWarning;
  }
  if (isReserved) {
    process.off(SIGNAL, listener);
  }
  return !isReserved;
}

/** Whether there is a handler that is not of a listener: a profiler is sampling (`--cpu-prof`, an APM agent). */
function isHandledByOther(): boolean {
  if (process.listenerCount(SIGNAL) > 0) {
    return false;
  }
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readProc('/proc/self/status'));
  return caught !== null && ((BigInt(`0x${caught[1]!}`) >> SIGNAL_BIT) & 1n) === 1n;
}

/** Whether V8 samples any thread, for us or for somebody else. */
function isBeingSampled(): boolean {
  const threads = tried(() => process.getBuiltinModule('node:fs').readdirSync('/proc/self/task')) ?? [];
  // https://github.com/v8/v8/blob/main/src/profiler/cpu-profiler.cc (`ProfilerEventsProcessor`)
  return threads.some((thread) => readProc(`/proc/self/task/${thread}/comm`).startsWith('v8:ProfEvntProc'));
}

/** Empty where there is no such file: not Linux, or the thread has ended. */
function readProc(file: string): string {
  return tried(() => process.getBuiltinModule('node:fs').readFileSync(file, 'utf8')) ?? '';
}
