/** It cannot be listened on this port, or this path, now or later; the message has cause and remedy. @internal */
export class ListenError extends Error {
  override readonly name: string = 'ListenError';
}

/** Somebody listens there, who may be gone later. @internal */
export class TakenError extends ListenError {
  override readonly name = 'TakenError';
}
