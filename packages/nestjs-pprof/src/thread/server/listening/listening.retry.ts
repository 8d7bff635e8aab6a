import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../shared/error.message.js';
import { GrowingPauses } from '../../../shared/growing.pauses.js';

/** A development server that restarts frees its port within a second or two; after a minute there is no hurry. */
const FIRST_PAUSE_MILLIS = 250;
const LONGEST_PAUSE_MILLIS = 30_000;

/** A process, or an application in this one, that is just being replaced is worth no warning. */
const TRIES_BEFORE_TOLD = 3;

/**
 * Tries to listen until the place is free.
 *
 * @param listen one try
 * @param isTaken whether waiting may help, by what `listen` has thrown
 * @param onTaken called once, with cause and remedy, where it does not become free within a second
 * @param pauses between one try and the next
 * @returns what `listen` returns; or throws what it throws where waiting does not help.
 * @internal
 */
export async function listenOnceFree<T>(
  listen: () => Promise<T>,
  isTaken: (error: unknown) => boolean,
  onTaken: (message: string) => void,
  pauses = new GrowingPauses(FIRST_PAUSE_MILLIS, LONGEST_PAUSE_MILLIS),
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await listen();
    } catch (error) {
      if (!isTaken(error)) {
        throw error;
      }
      if (tries === TRIES_BEFORE_TOLD) {
        onTaken(messageOf(error));
      }
    }
    await sleep(pauses.next());
  }
}
