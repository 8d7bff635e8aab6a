import type { CpuSampling, CpuSegment } from '../../shared/agent.protocol.js';
import type { AgentClient } from './agent.client.js';
import { CaptureStuckError, ThreadStuckError, ThreadUnreachableError } from './threads.errors.js';

/** @internal */
export interface SampledSegment extends CpuSegment {
  /** Whether the event loop did not turn when the segment ended, so that it was read by interrupt. */
  readonly readByInterrupt?: boolean;
}

/** Why what was sampled before a segment is not there. @internal */
export const CUT_OFF =
  "what had been sampled is lost, as the reading of it was cut off in the middle, as a time limit of the application's own does (node:vm)";

/** Ends the segment that main's CPU sampler runs, and has it go on or stop, in whatever way the thread lets it. @internal */
export class CpuRotation {
  constructor(private readonly agent: AgentClient) {}

  /**
   * @param next null to stop
   * @throws {ThreadStuckError} where the event loop does not turn: the segment runs on.
   */
  rotate(next: CpuSampling | null): Promise<SampledSegment | null> {
    return this.agent.request('rotateCpu', next);
  }

  /** What has been sampled so far of a thread whose event loop does not turn; the sampler runs on. */
  async readByInterrupt(): Promise<SampledSegment | null> {
    const segment = await this.agent.readCpuByInterrupt();
    return segment && { ...segment, readByInterrupt: true };
  }

  /** @throws {CaptureStuckError} where nothing can be had of it. */
  async rotateEvenIfStuck(next: CpuSampling | null): Promise<SampledSegment | null> {
    try {
      return await this.rotate(next);
    } catch (error) {
      if (!(error instanceof ThreadStuckError)) {
        throw error;
      }
    }
    try {
      const segment = await this.readByInterrupt();
      if (next === null) {
        this.stopPatiently();
      }
      return segment;
    } catch (error) {
      if (error instanceof ThreadUnreachableError) {
        // A native call. What has been sampled shows who called it, so it is worth waiting for.
        return this.agent.requestPatiently('rotateCpu', next);
      }
      return this.#rotateOrGiveUp(next);
    }
  }

  /** The loop may turn again: a native call that has ended meanwhile is no reason to give up what was sampled in it. */
  async #rotateOrGiveUp(next: CpuSampling | null): Promise<SampledSegment | null> {
    try {
      return await this.rotate(next);
    } catch (error) {
      if (!(error instanceof ThreadStuckError)) {
        throw error;
      }
      if (next === null) {
        this.stopPatiently();
      }
      throw new CaptureStuckError();
    }
  }

  /** Not waited for: a stuck thread does it when it goes on, and before whatever it is asked for after this. */
  stopPatiently(): void {
    void this.agent.requestPatiently('rotateCpu', null).catch(() => undefined);
  }
}
