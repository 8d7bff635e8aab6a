/** The unix socket cannot be made at its path; nothing there was changed. @internal */
export class SocketPathError extends Error {
  override readonly name = 'SocketPathError';
}
