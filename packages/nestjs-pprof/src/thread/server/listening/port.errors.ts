/** It cannot be listened on this port, now or later. @internal */
export class PortError extends Error {
  override readonly name: string = 'PortError';
}

/** Somebody listens there, who may be gone later. @internal */
export class PortTakenError extends PortError {
  override readonly name = 'PortTakenError';
}
