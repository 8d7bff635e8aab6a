/** The unix socket cannot be made at its path; nothing there was changed. @internal */
export class SocketPathError extends Error {
  override readonly name: string = 'SocketPathError';
}

/** Somebody listens there, who may be gone later. @internal */
export class SocketTakenError extends SocketPathError {
  override readonly name = 'SocketTakenError';
}
