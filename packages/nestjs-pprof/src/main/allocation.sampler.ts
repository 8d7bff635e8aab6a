import type { Session } from 'node:inspector';
import { addonIfLoaded, loadAddon, otherProfilers } from './profiler.addon.js';
import { InspectorUnavailableError, SamplerHeldError } from '../shared/agent.errors.js';
import type { AllocationNode, HeapSampling } from '../shared/agent.protocol.js';
import { PprofError } from '../shared/pprof.error.js';

/**
 * Samples all allocations, also of what is garbage by now. Only the inspector can have V8 do that before Node 26, from a
 * session on this thread, which does what it is told before it returns and, unlike one from another thread, says nothing
 * when the process exits. V8 has one sampling heap profiler to a thread: the addon must not be sampling meanwhile.
 * https://chromedevtools.github.io/devtools-protocol/v8/HeapProfiler/#method-startSampling
 *
 * @internal
 */
export class AllocationSampler {
  private constructor(private readonly session: Session) {}

  /**
   * @throws {InspectorUnavailableError}
   * @throws {SamplerHeldError} where somebody else has started V8's sampler.
   */
  static start({ samplingInterval, stackDepth }: HeapSampling): AllocationSampler {
    const { heap } = loadAddon();
    const session = openSession();
    try {
      if (isSampling(session)) {
        throw new SamplerHeldError('heap', otherProfilers('heap'));
      }
      post(session, 'HeapProfiler.startSampling', {
        samplingInterval,
        stackDepth,
        includeObjectsCollectedByMajorGC: true,
        includeObjectsCollectedByMinorGC: true,
      });
      // V8 does not mind, as it is sampling already: it is for the addon to read what V8 samples. Unlike the inspector it
      // tells the number of objects.
      heap.start(samplingInterval, stackDepth);
    } catch (error) {
      session.disconnect();
      throw error;
    }
    return new AllocationSampler(session);
  }

  /** All there was since the start. V8 collects garbage before it tells. */
  read(): AllocationNode {
    try {
      return loadAddon().heap.v8Profile() as AllocationNode;
    } catch (cause) {
      throw new PprofError(
        409,
        "the count of all allocations is lost: something else in this process (DevTools, another profiler) has stopped V8's heap " +
          'sampler within the window. Ask again when it has ended',
        { cause },
      );
    }
  }

  stop(): void {
    addonIfLoaded()?.heap.stop();
    this.session.disconnect();
  }
}

/** Whether somebody has started V8's sampling heap profiler on this thread: to start it again does nothing. @internal */
export function isHeapSampled(): boolean {
  let session: Session;
  try {
    session = openSession();
  } catch {
    // Then nobody has started it that way, at least.
    return false;
  }
  try {
    return isSampling(session);
  } finally {
    session.disconnect();
  }
}

/** @throws {InspectorUnavailableError} */
function openSession(): Session {
  try {
    const { Session } = process.getBuiltinModule('node:inspector');
    const session = new Session();
    session.connect();
    return session;
  } catch {
    throw new InspectorUnavailableError();
  }
}

function isSampling(session: Session): boolean {
  try {
    post(session, 'HeapProfiler.getSamplingProfile');
    return true;
  } catch {
    return false;
  }
}

/** On a session of the same thread the answer is there when the call returns. */
function post(session: Session, method: string, params: object = {}): void {
  let failure: Error | null = null;
  session.post(method, params, (error) => (failure = error));
  if (failure) {
    throw failure as Error;
  }
}
